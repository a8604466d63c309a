#include "filter/slow_words.h"

#include <algorithm>
#include <bit>
#include <set>

namespace tpt::filter {

namespace {

bool is_ascii_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::size_t code_point_bytes(std::string_view text, std::size_t at) {
  const int ones = std::countl_one(static_cast<unsigned char>(text[at]));
  const std::size_t bytes = ones >= 2 && ones <= 4 ? static_cast<std::size_t>(ones) : 1;
  const std::string_view rest = text.substr(at + 1, bytes - 1);
  const bool whole = rest.size() == bytes - 1 && std::all_of(rest.begin(), rest.end(), [](char c) {
                       return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
                     });
  return whole ? bytes : 1;
}

bool is_typographic(std::string_view sign) {
  if (sign.size() != 3) return false;
  return (sign >= "\xE2\x80\x80" && sign <= "\xE2\x80\xBF") ||
         (sign >= "\xE2\x81\x80" && sign <= "\xE2\x81\xAF") ||
         (sign >= "\xE3\x80\x80" && sign <= "\xE3\x80\xBF") ||
         (sign >= "\xEF\xBC\x80" && sign <= "\xEF\xBC\x8F") ||
         (sign >= "\xEF\xBC\x9A" && sign <= "\xEF\xBC\x9F");
}

std::vector<std::string> runs(const std::vector<std::string>& words, std::size_t n) {
  std::vector<std::string> all;
  for (std::size_t i = 0; n > 0 && i + n <= words.size(); ++i) {
    std::string run;
    for (std::size_t k = i; k < i + n; ++k) run += words[k] + ' ';
    all.push_back(run);
  }
  return all;
}

// The share of the words in the runs for which `counts` holds.
template <typename Counts>
double covered(const std::vector<std::string>& words, std::size_t n, Counts&& counts) {
  std::vector<bool> inside(words.size(), false);
  const auto all = runs(words, n);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!counts(all[i])) continue;
    for (std::size_t k = i; k < i + n; ++k) inside[k] = true;
  }
  double sum = 0;
  for (const bool is_inside : inside) sum += is_inside ? 1 : 0;
  return words.empty() ? 0 : sum / static_cast<double>(words.size());
}

}  // namespace

std::vector<std::string> slow_words(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = code_point_bytes(text, at);
    const std::string_view sign = text.substr(at, bytes);
    const auto lead = static_cast<unsigned char>(text[at]);
    const bool joins = is_ascii_word(text[at]) || (bytes > 1 && lead >= 0xC3U && lead < 0xE2U);
    if ((bytes > 1 || is_ascii_word(text[at])) && !is_typographic(sign)) {
      if (!joins || !inside) words.emplace_back();
      for (const char c : sign) {
        words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      }
      inside = joins;
    } else {
      inside = false;
    }
    at += bytes;
  }
  return words;
}

double slow_ngram_share(const std::vector<std::string>& words, std::size_t n) {
  std::set<std::string> seen;
  return covered(words, n, [&seen](const std::string& run) { return !seen.insert(run).second; });
}

double slow_copied_share(const std::vector<std::string>& thinking,
                         const std::vector<std::string>& document, std::size_t n) {
  const auto all = runs(document, n);
  const std::set<std::string> known(all.begin(), all.end());
  return covered(thinking, n, [&known](const std::string& run) { return known.contains(run); });
}

}  // namespace tpt::filter
