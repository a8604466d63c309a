#include "filter/repetition.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <unordered_set>

namespace tpt::filter {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_ascii_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Bytes of the code point that starts at `at`; 1 for a byte that starts none.
std::size_t code_point_bytes(std::string_view text, std::size_t at) {
  const int ones = std::countl_one(static_cast<unsigned char>(text[at]));
  const std::size_t bytes = ones >= 2 && ones <= 4 ? static_cast<std::size_t>(ones) : 1;
  return std::min(bytes, text.size() - at);
}

// Below U+2000 stand the alphabets that put spaces between words; above it punctuation, signs and
// the scripts that do not.
bool joins_words(std::string_view text, std::size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  return is_ascii_word(text[at]) || (byte >= 0xC3U && byte < 0xE2U);
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = code_point_bytes(text, at);
    if (bytes == 1 && !is_ascii_word(text[at])) {
      inside = false;
      ++at;
      continue;
    }
    const bool joins = joins_words(text, at);
    if (!joins || !inside) {
      words.emplace_back();
    }
    for (std::size_t i = 0; i < bytes; ++i) {
      const char c = text[at + i];
      words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    inside = joins;
    at += bytes;
  }
  return words;
}

double repeated_tail_share(std::string_view text) {
  while (!text.empty() && is_space(text.back())) {
    text.remove_suffix(1);
  }
  // border[i]: the longest proper border of the last i + 1 bytes, read from the back; what is left
  // of them without it is their shortest period.
  std::vector<std::size_t> border(text.size(), 0);
  const auto from_back = [text](std::size_t i) { return text[text.size() - 1 - i]; };
  std::size_t longest = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    std::size_t length = border[i - 1];
    while (length > 0 && from_back(i) != from_back(length)) {
      length = border[length - 1];
    }
    border[i] = length + (from_back(i) == from_back(length) ? 1 : 0);
    const std::size_t period = i + 1 - border[i];
    if (i + 1 >= 3 * period) {
      longest = i + 1;
    }
  }
  return text.empty() ? 0 : static_cast<double>(longest) / static_cast<double>(text.size());
}

double repeated_line_share(std::string_view text) {
  constexpr std::size_t kShortLine = 16;
  std::unordered_set<std::string_view> seen;
  std::size_t all = 0;
  std::size_t repeated = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && is_space(line.front())) {
      line.remove_prefix(1);
    }
    while (!line.empty() && is_space(line.back())) {
      line.remove_suffix(1);
    }
    all += line.size();
    if (line.size() >= kShortLine && !seen.insert(line).second) {
      repeated += line.size();
    }
  }
  return all == 0 ? 0 : static_cast<double>(repeated) / static_cast<double>(all);
}

double repeated_ngram_share(const std::vector<std::string>& words, std::size_t n) {
  if (n == 0 || words.size() < n) {
    return 0;
  }
  std::unordered_set<std::string> seen;
  std::size_t covered_to = 0;
  std::size_t repeated = 0;
  for (std::size_t i = 0; i + n <= words.size(); ++i) {
    std::string run;
    for (std::size_t k = i; k < i + n; ++k) {
      run += words[k];
      run += ' ';
    }
    if (!seen.insert(std::move(run)).second) {
      repeated += i + n - std::max(covered_to, i);
      covered_to = i + n;
    }
  }
  return static_cast<double>(repeated) / static_cast<double>(words.size());
}

}  // namespace tpt::filter
