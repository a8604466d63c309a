#include "filter/words.h"

#include "filter/byte_lanes.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tpt::filter {

namespace {

constexpr auto kWordSigns = [] {
  std::array<bool, 256> signs{};
  for (unsigned c = '0'; c <= '9'; ++c) signs[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) signs[c] = signs[c - 'a' + 'A'] = true;
  return signs;
}();

bool is_word_sign(char c) { return kWordSigns[static_cast<unsigned char>(c)]; }

// Spreads what a product leaves in the high bits over all of them.
std::uint64_t mixed(std::uint64_t hash) {
  hash ^= hash >> 32U;
  hash *= 0xD6E8FEB86659FD93U;
  return hash ^ (hash >> 32U);
}

constexpr std::uint64_t kSeed = 0xCBF29CE484222325U;

// Of [begin, end) in lower case, eight bytes at a time: words of up to eight have hashes of their
// own for certain.
std::uint64_t hash_of(std::string_view text, std::size_t begin, std::size_t end) {
  std::uint64_t hash = kSeed;
  for (std::size_t at = begin; at < end; at += 8) {
    const std::uint64_t lanes = lower_case_lanes(lanes_at(text, at));
    hash = mixed(hash ^ first_lanes(lanes, std::min<std::size_t>(8, end - at)));
  }
  return hash;
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

// Where the letters and digits that begin at `at` end; `at` where none does.
std::size_t word_end(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if (is_word_sign(text[at])) {
      ++at;
      continue;
    }
    const std::size_t bytes = joins_words(text[at]) ? code_point_bytes(text, at) : 1;
    if (bytes == 1) break;
    at += bytes;
  }
  return at;
}

// Calls put(begin, end) for the words of a run of letters, digits and bytes beyond ASCII.
template <typename Put>
void split_run(std::string_view text, std::size_t begin, std::size_t run_end, Put&& put) {
  for (std::size_t at = begin; at < run_end;) {
    std::size_t end = word_end(text, at);
    if (end == at) {
      const std::size_t bytes = code_point_bytes(text, at);
      if (bytes == 1 || is_punctuation(text.substr(at, bytes))) {
        at += bytes;
        continue;
      }
      end = at + bytes;
    }
    put(at, end);
    at = end;
  }
}

// Calls visit(begin, end) for each run of letters, digits and bytes beyond ASCII, found by their
// edges in 64 bytes at a time: a branch for each byte would be guessed wrong at each word's end.
template <typename Visit>
void for_each_run(std::string_view text, Visit&& visit) {
  constexpr std::size_t kBlock = 64;
  std::size_t begin = 0;
  std::uint64_t inside = 0;
  for (std::size_t block = 0; block < text.size(); block += kBlock) {
    std::uint64_t signs = 0;
    for (std::size_t lane = 0; lane < kBlock; lane += 8) {
      signs |= word_lanes(lanes_at(text, block + lane)) << lane;
    }
    for (std::uint64_t edges = signs ^ (signs << 1U | inside); edges != 0; edges &= edges - 1) {
      const std::size_t at = block + static_cast<std::size_t>(std::countr_zero(edges));
      if (inside != 0) {
        visit(begin, at);
      } else {
        begin = at;
      }
      inside ^= 1U;
    }
  }
  if (inside != 0) visit(begin, text.size());
}

bool is_ascii(std::string_view text, std::size_t begin, std::size_t end) {
  std::uint64_t all = 0;
  for (std::size_t at = begin; at < end; at += 8) {
    all |= first_lanes(lanes_at(text, at), std::min<std::size_t>(8, end - at));
  }
  return (all & kHighBits) == 0;
}

}  // namespace

std::vector<Word> find_words(std::string_view text) {
  std::vector<Word> words(text.size() / 5 + 8);
  std::size_t count = 0;
  const auto put = [&](std::uint64_t hash, std::size_t begin, std::size_t end) {
    if (count == words.size()) words.resize(2 * count);
    words[count++] = {hash, begin, end};
  };
  const auto put_word = [&](std::size_t begin, std::size_t end) {
    put(hash_of(text, begin, end), begin, end);
  };
  for_each_run(text, [&](std::size_t begin, std::size_t end) {
    const std::size_t bytes = end - begin;
    const std::uint64_t lanes = first_lanes(lanes_at(text, begin), std::min<std::size_t>(8, bytes));
    if (bytes <= 8 && (lanes & kHighBits) == 0) {
      put(mixed(kSeed ^ lower_case_lanes(lanes)), begin, end);
    } else if (is_ascii(text, begin, end)) {
      put_word(begin, end);
    } else {
      split_run(text, begin, end, put_word);
    }
  });
  words.resize(count);
  return words;
}

std::uint64_t word_hash(std::string_view lower_case_word) {
  return hash_of(lower_case_word, 0, lower_case_word.size());
}

std::vector<std::uint64_t> ngram_hashes(std::span<const Word> words, std::size_t n) {
  std::vector<std::uint64_t> hashes;
  if (n == 0 || words.size() < n) return hashes;
  hashes.resize(words.size() - n + 1);
  // A polynomial over the words modulo 2^64: the oldest word is taken off, the next one added.
  constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15U;
  std::uint64_t oldest = 1;
  for (std::size_t i = 1; i < n; ++i) oldest *= kBase;
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i >= n) hash -= words[i - n].hash * oldest;
    hash = hash * kBase + words[i].hash;
    if (i + 1 >= n) hashes[i + 1 - n] = mixed(hash);
  }
  return hashes;
}

}  // namespace tpt::filter
