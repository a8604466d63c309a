// A text as words and whole numbers in one row: "1,848.5" is one term.
#pragma once

#include "filter/number_text.h"
#include "filter/reading.h"

#include <cstdint>
#include <vector>

namespace tpt::filter {

struct Term {
  std::uint64_t hash = 0;  // of the word; of the digits where it is a number
  std::size_t begin = 0;   // in bytes
  std::size_t end = 0;
  bool is_number = false;
  WrittenNumber number;
};

std::vector<Term> terms_of(const Reading& reading);

// True for words that carry meaning: no number, none of the commonest words of a language.
bool is_content(const Term& term);

}  // namespace tpt::filter
