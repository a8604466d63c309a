// The equations of a text whose two sides are plain numbers: "3 * 4 = 12", "12 times 4 is 48".
#pragma once

#include "filter/reading.h"

#include <cstddef>
#include <string>
#include <vector>

namespace tpt::filter {

struct Equation {
  std::size_t begin = 0;  // in bytes
  std::size_t end = 0;
  std::string left;  // as written, without spaces
  std::string right;
  double left_value = 0;
  double right_value = 0;
  bool holds = true;  // as far as it was written: rounded and cut results hold
};

// Sides that are not plain numbers to their ends (variables, remainders, ranges) give no equation;
// with units and words between them see spoken_equations.h. What is found is certain, what is not
// found may still be one. In the order of their beginnings. Code is left out.
std::vector<Equation> find_equations(const Reading& reading);

}  // namespace tpt::filter
