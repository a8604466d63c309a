// Arithmetic in running text, with what is counted between the numbers: "6 days/week * 4 weeks = 24
// days", "12 times 7 is 84", "half of 36 is 18".
#pragma once

#include "filter/equations.h"

#include <vector>

namespace tpt::filter {

// In the order of their ends. `left` is written in signs, without words. Nothing where a word may
// change a number, where units of one kind may have been converted, and where speech leaves open
// what belongs together. Code is left out.
std::vector<Equation> find_spoken_equations(const Reading& reading);

}  // namespace tpt::filter
