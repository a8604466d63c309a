#include "train/token_bytes.h"

#include "base/error.h"
#include "tokenize/tokenizer.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>

namespace tpt::train {
namespace {

std::uint16_t bytes_of(const tokenize::Tokenizer& tokenizer, TokenId id) {
  std::string text;
  try {
    text = tokenizer.decode(std::span(&id, 1));
  } catch (const Error&) {
    return 0;  // a hole in the vocabulary: no text has it
  }
  if (tokenizer.special(text) == id) {
    return 0;
  }
  constexpr std::size_t kMost = std::numeric_limits<std::uint16_t>::max();
  return static_cast<std::uint16_t>(std::min(text.size(), kMost));
}

}  // namespace

std::vector<std::uint16_t> token_bytes(const pack::ShardReader& shards) {
  std::vector<std::uint16_t> bytes;
  if (!std::filesystem::exists(shards.tokenizer_file())) {
    return bytes;
  }
  const auto tokenizer = tokenize::load_tokenizer(shards.tokenizer_file().string());
  for (TokenId id = 0; id < tokenizer->vocab_size(); ++id) {
    bytes.push_back(bytes_of(*tokenizer, id));
  }
  return bytes;
}

}  // namespace tpt::train
