// How much of a text says again what it has said: measures for text that runs in circles.
#pragma once

#include "filter/words.h"

#include <span>
#include <string_view>

namespace tpt::filter {

// The share of `text`'s bytes in its longest exactly repeating end: the same piece, of any length,
// at least three times in a row, the last one perhaps cut off. 0 where there is none.
double repeated_tail_share(std::string_view text);
// Whether that share is above `share`; quick for text that does not repeat.
bool has_repeated_tail(std::string_view text, double share);

// The share of the characters of the lines that stand in lines seen before (Gopher's measure, Rae
// et al. 2021). Lines under 16 characters do not count as repeated: lists and formulas have many.
double repeated_line_share(std::string_view text);

// The share of words inside runs of `n` words that occurred before (Gopher's measure for n of 5 to
// 10). Overlaps count once.
double repeated_ngram_share(std::span<const Word> words, std::size_t n);
// The same where the ngram_hashes() of the words are at hand.
double repeated_ngram_share(std::span<const std::uint64_t> runs, std::size_t n);

}  // namespace tpt::filter
