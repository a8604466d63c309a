#include "filter/repetition.h"

#include "filter/hash_set.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace tpt::filter {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

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

bool has_repeated_tail(std::string_view text, double share) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  // A piece that comes three times in this share of the text puts its end, of up to two thirds of
  // that, there twice.
  constexpr std::size_t kProbe = 16;
  const bool long_enough = static_cast<double>(text.size()) * share * 2 / 3 >= kProbe;
  if (long_enough) {
    const char* const end = text.data() + text.size() - kProbe;
    if (memmem(text.data(), text.size(), end, kProbe) == end) return false;
  }
  return repeated_tail_share(text) > share;
}

double repeated_line_share(std::string_view text) {
  constexpr std::size_t kShortLine = 16;
  HashSet seen(text.size() / kShortLine + 1);
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
    if (line.size() >= kShortLine && !seen.insert(std::hash<std::string_view>()(line))) {
      repeated += line.size();
    }
  }
  return all == 0 ? 0 : static_cast<double>(repeated) / static_cast<double>(all);
}

double repeated_ngram_share(std::span<const Word> words, std::size_t n) {
  return repeated_ngram_share(ngram_hashes(words, n), n);
}

double repeated_ngram_share(std::span<const std::uint64_t> runs, std::size_t n) {
  HashSet seen(runs.size());
  std::size_t covered_to = 0;
  std::size_t repeated = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!seen.insert(runs[i])) {
      repeated += i + n - std::max(covered_to, i);
      covered_to = i + n;
    }
  }
  const std::size_t words = runs.size() + n - 1;
  return runs.empty() ? 0 : static_cast<double>(repeated) / static_cast<double>(words);
}

}  // namespace tpt::filter
