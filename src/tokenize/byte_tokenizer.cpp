#include "tokenize/byte_tokenizer.h"

#include "base/error.h"
#include "tokenize/byte_alphabet.h"
#include "tokenize/definition.h"

#include <array>

namespace tpt::tokenize {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"<|endoftext|>", "<think>", "</think>",
                                                    "<|pad|>"};
constexpr TokenId kFirstSpecial = 256;

}  // namespace

void ByteTokenizer::encode(std::string_view text, std::vector<TokenId>& ids) const {
  ids.reserve(ids.size() + text.size());
  for (const char byte : text) {
    ids.push_back(static_cast<unsigned char>(byte));
  }
}

std::string ByteTokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  text.reserve(ids.size());
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocab_size()) {
      data_error("bytes: {} is not the id of a token; ids are below {}", id, vocab_size());
    }
    if (id < kFirstSpecial) {
      text.push_back(static_cast<char>(id));
    } else {
      text += kNames[static_cast<std::size_t>(id - kFirstSpecial)];
    }
  }
  return text;
}

std::int64_t ByteTokenizer::vocab_size() const {
  return kFirstSpecial + static_cast<std::int64_t>(kNames.size());
}

std::optional<TokenId> ByteTokenizer::special(std::string_view name) const {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return kFirstSpecial + static_cast<TokenId>(i);
    }
  }
  return std::nullopt;
}

std::optional<TokenId> ByteTokenizer::end_of_text() const { return special(kNames[0]); }

std::string ByteTokenizer::to_json() const {
  BpeDefinition definition;
  definition.origin = "bytes";
  for (int byte = 0; byte < kFirstSpecial; ++byte) {
    definition.tokens.push_back(to_alphabet(std::string(1, static_cast<char>(byte))));
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    definition.specials.push_back(
        {std::string(kNames[i]), kFirstSpecial + static_cast<TokenId>(i)});
  }
  return write_tokenizer_json(definition);
}

}  // namespace tpt::tokenize
