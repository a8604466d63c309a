// A text taken apart once, for every reason that looks at it.
#pragma once

#include "filter/words.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::filter {

struct Reading {
  std::string_view text;    // must live as long
  std::string lower;        // the same bytes, ASCII letters in lower case
  std::vector<Word> words;  // of the text

  std::string_view word(std::size_t i) const {
    return std::string_view(lower).substr(words[i].begin, words[i].end - words[i].begin);
  }
};

Reading read_text(std::string_view text);

// The sentence (or line) around `at`: from behind the mark or line end before it to behind its own.
struct Extent {
  std::size_t begin = 0;
  std::size_t end = 0;
};
Extent sentence_around(std::string_view text, std::size_t at);

// A table of some signs: a search for any of several would read the text sign by sign.
constexpr std::array<bool, 256> table_of(std::string_view signs) {
  std::array<bool, 256> table{};
  for (const char sign : signs) table[static_cast<unsigned char>(sign)] = true;
  return table;
}
// The first place from `from` on where a sign of the table stands; the end or beyond where none
// does.
std::size_t find_any(std::string_view text, const std::array<bool, 256>& table, std::size_t from);

// True where one of `words` stands in `lower` as a word of its own. A word may have spaces inside.
bool has_any_word(std::string_view lower, const std::vector<std::string_view>& words);

// Code between backticks or fences and drawings ([asy]), in order and without overlap.
std::vector<Extent> code_extents(std::string_view text);
// The same and formulas in LaTeX: $...$, $$...$$, \(...\), \[...\].
std::vector<Extent> code_and_formula_extents(std::string_view text);
bool stands_in(const std::vector<Extent>& extents, std::size_t at);

}  // namespace tpt::filter
