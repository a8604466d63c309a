// A text taken apart once, for every reason that looks at it.
#pragma once

#include "filter/words.h"

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

// True where one of `words` stands in `lower` as a word of its own. A word may have spaces inside.
bool has_any_word(std::string_view lower, const std::vector<std::string_view>& words);

// Code between backticks or fences, in order and without overlap.
std::vector<Extent> code_extents(std::string_view text);
// The same and formulas in LaTeX: $...$, $$...$$, \(...\), \[...\].
std::vector<Extent> code_and_formula_extents(std::string_view text);

}  // namespace tpt::filter
