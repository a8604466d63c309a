// The vocabulary of bytes: ids 0 to 255 are the bytes, then <|endoftext|>, <think>, </think> and
// <|pad|>. For the lab, and for models without a vocabulary of their own.
#pragma once

#include "tokenize/tokenizer.h"

namespace tpt::tokenize {

class ByteTokenizer : public Tokenizer {
 public:
  using Tokenizer::encode;
  void encode(std::string_view text, std::vector<TokenId>& ids) const override;
  std::string decode(std::span<const TokenId> ids) const override;
  std::int64_t vocab_size() const override;
  std::optional<TokenId> special(std::string_view name) const override;
  std::optional<TokenId> end_of_text() const override;
  std::string to_json() const override;
};

}  // namespace tpt::tokenize
