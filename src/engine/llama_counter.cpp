#include "engine/llama_counter.h"

#include <algorithm>
#include <vector>

namespace tpt::engine {

namespace {

bool starts_code_point(std::string_view text, std::size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U;
}

std::size_t whole_code_points(std::string_view text, std::size_t bytes) {
  while (bytes > 0 && !starts_code_point(text, bytes)) {
    --bytes;
  }
  return bytes;
}

}  // namespace

std::int64_t LlamaCounter::count(std::string_view text) const {
  return static_cast<std::int64_t>(model_.tokenize(text, false).size());
}

std::size_t LlamaCounter::prefix_bytes(std::string_view text, std::int64_t max_tokens) const {
  if (max_tokens <= 0) {
    return 0;
  }
  const auto wanted = static_cast<std::size_t>(max_tokens);
  // Tokens near the end of a window may be others in the whole text: keep some to spare.
  constexpr std::size_t kSpare = 32;
  std::size_t window = 0;
  std::vector<Token> tokens;
  for (std::size_t bytes_of_token = 5;; bytes_of_token *= 2) {
    window = whole_code_points(text, std::min(text.size(), (wanted + kSpare) * bytes_of_token));
    tokens = model_.tokenize(text.substr(0, window), false);
    if (window == text.size() || tokens.size() >= wanted + kSpare) {
      break;
    }
  }
  if (tokens.size() <= wanted) {
    return window;
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < wanted; ++i) {
    at += model_.piece(tokens[i], true).size();
  }
  // A prefix can be other tokens than the text it is cut from, one more or one less: try from a
  // little further on backwards.
  std::size_t further = at;
  for (std::size_t i = wanted; i < std::min(tokens.size(), wanted + 2); ++i) {
    further += model_.piece(tokens[i], true).size();
  }
  at = whole_code_points(text, std::min(further, window));
  while (at > 0 && count(text.substr(0, at)) > max_tokens) {
    at = whole_code_points(text, at - 1);
  }
  return at;
}

}  // namespace tpt::engine
