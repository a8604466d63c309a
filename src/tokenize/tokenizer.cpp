#include "tokenize/tokenizer.h"

#include "base/error.h"
#include "tokenize/bpe_tokenizer.h"
#include "tokenize/byte_tokenizer.h"
#include "tokenize/unicode.h"

#include <algorithm>

namespace tpt::tokenize {

std::vector<TokenId> Tokenizer::encode(std::string_view text) const {
  std::vector<TokenId> ids;
  encode(text, ids);
  return ids;
}

std::int64_t Tokenizer::count(std::string_view text) const {
  return static_cast<std::int64_t>(encode(text).size());
}

std::size_t Tokenizer::prefix_bytes(std::string_view text, std::int64_t max_tokens) const {
  if (max_tokens <= 0) {
    return 0;
  }
  const auto fits = [&](std::size_t bytes) { return count(text.substr(0, bytes)) <= max_tokens; };
  // A window that is too long, without tokenising all of a large text.
  std::size_t low = 0;
  std::size_t high = std::min(text.size(), static_cast<std::size_t>(max_tokens) * 8);
  while (fits(high)) {
    if (high == text.size()) {
      return high;
    }
    low = high;
    high = std::min(text.size(), high * 2);
  }
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  // Counts may fall again while the last piece grows, so look a little further.
  constexpr int kLookAhead = 16;
  std::size_t end = code_point_floor(text, low);
  while (end > 0 && !fits(end)) {
    end = code_point_floor(text, end - 1);
  }
  std::size_t next = end;
  for (int i = 0; i < kLookAhead && next < text.size(); ++i) {
    next = code_point_end(text, next);
    end = fits(next) ? next : end;
  }
  return end;
}

std::unique_ptr<Tokenizer> load_tokenizer(const std::string& spec) {
  if (spec == "bytes") {
    return std::make_unique<ByteTokenizer>();
  }
  const std::filesystem::path path(spec);
  if (std::filesystem::is_directory(path)) {
    if (std::filesystem::exists(path / "tokenizer.json")) {
      return std::make_unique<BpeTokenizer>(read_tokenizer_json(path / "tokenizer.json"));
    }
    if (std::filesystem::exists(path / "vocab.json")) {
      return std::make_unique<BpeTokenizer>(read_vocab_and_merges(path));
    }
    user_error("{}: the folder holds neither tokenizer.json nor vocab.json and merges.txt", spec);
  }
  if (!std::filesystem::exists(path)) {
    user_error(
        "tokenizer: got \"{}\", allowed: bytes, a tokenizer.json or a folder with one, a folder "
        "with vocab.json and merges.txt, a .gguf file",
        spec);
  }
  if (path.extension() == ".gguf") {
    return std::make_unique<BpeTokenizer>(read_gguf_vocabulary(path));
  }
  return std::make_unique<BpeTokenizer>(read_tokenizer_json(path));
}

}  // namespace tpt::tokenize
