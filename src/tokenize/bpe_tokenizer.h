// Byte-level BPE: text is cut into pieces by regular expressions, each piece starts as bytes, and
// neighbours merge in the order the vocabulary learned.
#pragma once

#include "tokenize/definition.h"
#include "tokenize/merges.h"
#include "tokenize/splitter.h"
#include "tokenize/tokenizer.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tpt::tokenize {

class BpeTokenizer : public Tokenizer {
 public:
  // Error(user) naming the file for a vocabulary that contradicts itself.
  explicit BpeTokenizer(BpeDefinition definition);
  BpeTokenizer(const BpeTokenizer&) = delete;
  BpeTokenizer& operator=(const BpeTokenizer&) = delete;

  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  std::int64_t vocab_size() const override { return static_cast<std::int64_t>(bytes_.size()); }
  std::optional<TokenId> special(std::string_view name) const override;
  std::optional<TokenId> end_of_text() const override;
  std::string to_json() const override;

 private:
  void encode_piece(std::string_view piece, std::vector<TokenId>& ids) const;
  void append_byte(unsigned char byte, std::vector<TokenId>& ids) const;

  BpeDefinition definition_;
  Splitter splitter_;
  std::vector<std::string> bytes_;       // what each id stands for; "" for ids without a token
  std::array<TokenId, 256> byte_ids_{};  // -1: the vocabulary lacks the byte
  Merges merges_;
  std::unordered_map<std::string_view, TokenId> whole_pieces_;  // filled for ignore_merges
  std::unordered_map<std::string_view, TokenId> specials_;
  std::uint32_t serial_;  // names this tokenizer in the threads' caches
};

}  // namespace tpt::tokenize
