// Where the words of a text stand, each with a hash: what every measure of repetition, copying and
// contamination counts in.
//
//   const auto words = find_words(text);
//   for (const std::uint64_t run : ngram_hashes(words, 8)) seen.insert(run);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tpt::filter {

struct Word {
  std::uint64_t hash = 0;  // of the word in lower case (ASCII)
  std::size_t begin = 0;   // in bytes
  std::size_t end = 0;
};

// Runs of letters and digits, and each code point of a script written without spaces. ASCII signs
// and typographic punctuation are left out: the form of formulas repeats, what stands in them does
// not. Any bytes are allowed; those that start no code point are left out.
std::vector<Word> find_words(std::string_view text);

// The hash of one word given in lower case, as find_words() would give it.
std::uint64_t word_hash(std::string_view lower_case_word);

// A hash for each run of `n` words, in order; none where there are fewer. Equal runs have equal
// hashes; two different runs have the same one with a chance of about 2^-64.
std::vector<std::uint64_t> ngram_hashes(std::span<const Word> words, std::size_t n);

}  // namespace tpt::filter
