#include "filter/words.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tpt::filter {

namespace {

constexpr std::uint64_t kSeed = 0xCBF29CE484222325U;
constexpr std::uint64_t kPrime = 0x00000100000001B3U;

// The small letter or digit that an ASCII sign counts as; 0 for all others.
constexpr std::array<unsigned char, 256> kWordSigns = [] {
  std::array<unsigned char, 256> signs{};
  for (unsigned c = '0'; c <= '9'; ++c) signs[c] = static_cast<unsigned char>(c);
  for (unsigned c = 'a'; c <= 'z'; ++c) {
    signs[c] = static_cast<unsigned char>(c);
    signs[c - 'a' + 'A'] = static_cast<unsigned char>(c);
  }
  return signs;
}();

unsigned char word_sign(char c) { return kWordSigns[static_cast<unsigned char>(c)]; }

std::uint64_t add(std::uint64_t hash, unsigned char c) { return (hash ^ c) * kPrime; }

// Spreads what FNV leaves in the high bits over all of them.
std::uint64_t mixed(std::uint64_t hash) {
  hash ^= hash >> 32U;
  hash *= 0xD6E8FEB86659FD93U;
  return hash ^ (hash >> 32U);
}

// Bytes of the code point at `at`; 1 where its bytes are not all there.
std::size_t code_point_bytes(std::string_view text, std::size_t at) {
  const int ones = std::countl_one(static_cast<unsigned char>(text[at]));
  if (ones < 2 || ones > 4) return 1;
  const auto bytes = static_cast<std::size_t>(ones);
  if (at + bytes > text.size()) return 1;
  for (std::size_t i = at + 1; i < at + bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return 1;
  }
  return bytes;
}

// Below U+2000 stand the alphabets that put spaces between words; above it punctuation, signs and
// the scripts that do not.
bool joins_words(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xC3U && byte < 0xE2U;
}

// General punctuation (U+2000 to U+206F), CJK punctuation (U+3000 to U+303F), and the punctuation
// among the fullwidth forms (U+FF01 to U+FF0F).
bool is_punctuation(std::string_view code_point) {
  if (code_point.size() != 3) return false;
  const auto second = static_cast<unsigned char>(code_point[1]);
  const auto third = static_cast<unsigned char>(code_point[2]);
  switch (static_cast<unsigned char>(code_point[0])) {
    case 0xE2:
      return second == 0x80U || (second == 0x81U && third <= 0xAFU);
    case 0xE3:
      return second == 0x80U;
    case 0xEF:
      return second == 0xBCU && (third <= 0x8FU || (third >= 0x9AU && third <= 0x9FU));
    default:
      return false;
  }
}

}  // namespace

std::vector<Word> find_words(std::string_view text) {
  std::vector<Word> words;
  words.reserve(text.size() / 5 + 8);
  std::uint64_t hash = kSeed;
  std::size_t begin = 0;
  bool inside = false;
  const auto close = [&](std::size_t end) {
    if (inside) words.push_back({mixed(hash), begin, end});
    inside = false;
    hash = kSeed;
  };
  for (std::size_t at = 0; at < text.size();) {
    if (word_sign(text[at]) != 0) {
      if (!inside) begin = at;
      inside = true;
      do {
        hash = add(hash, word_sign(text[at]));
      } while (++at < text.size() && word_sign(text[at]) != 0);
      continue;
    }
    if (static_cast<unsigned char>(text[at]) < 0xC0U) {
      close(at++);
      continue;
    }
    const std::size_t bytes = code_point_bytes(text, at);
    const bool joins = bytes > 1 && joins_words(text[at]);
    if (!joins) close(at);
    if (bytes > 1 && !is_punctuation(text.substr(at, bytes))) {
      if (!inside) begin = at;
      inside = true;
      for (std::size_t i = at; i < at + bytes; ++i) {
        hash = add(hash, static_cast<unsigned char>(text[i]));
      }
      if (!joins) close(at + bytes);
    }
    at += bytes;
  }
  close(text.size());
  return words;
}

std::uint64_t word_hash(std::string_view lower_case_word) {
  std::uint64_t hash = kSeed;
  for (const char c : lower_case_word) hash = add(hash, static_cast<unsigned char>(c));
  return mixed(hash);
}

std::vector<std::uint64_t> ngram_hashes(std::span<const Word> words, std::size_t n) {
  std::vector<std::uint64_t> hashes;
  if (n == 0 || words.size() < n) return hashes;
  hashes.reserve(words.size() - n + 1);
  // A polynomial over the words modulo 2^64: the oldest word is taken off, the next one added.
  constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;
  std::uint64_t oldest = 1;
  for (std::size_t i = 1; i < n; ++i) oldest *= kBase;
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i >= n) hash -= words[i - n].hash * oldest;
    hash = hash * kBase + words[i].hash;
    if (i + 1 >= n) hashes.push_back(mixed(hash));
  }
  return hashes;
}

}  // namespace tpt::filter
