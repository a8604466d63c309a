// The left side of an equation in running text, read from its end.
#pragma once

#include "filter/measure_units.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::filter {

struct SpokenSide {
  std::string signs;  // "6*4", for evaluate()
  std::size_t begin = 0;
  std::vector<MeasureUnit> units;  // of its numbers, those that measure
  int operations = 0;
  bool adds = false;
  bool multiplies = false;
  bool in_words = false;  // an operator was a word: no rule says what goes first
  bool has_percent = false;
  bool has_share = false;  // "half of", "20 % of", "twice"
};

// Numbers with up to five words behind each, joined by signs or words of arithmetic, in
// parentheses or not; nothing where another thing stands between. The text is in lower case.
std::optional<SpokenSide> spoken_side_before(std::string_view lower, std::size_t end);

// True for words that make another number of the one before them, or begin another thought.
bool is_no_unit(std::string_view word);

}  // namespace tpt::filter
