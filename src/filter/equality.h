// Whether two sides of an equation are the same, as people write numbers.
#pragma once

#include "filter/equations.h"

#include <optional>
#include <string_view>

namespace tpt::filter {

// The equation of two sides, without its place; nothing where one of them is no plain number or
// sum, or may be meant in another way. A result that is rounded, cut, or told as a percentage
// holds.
std::optional<Equation> equation_of(std::string_view left, std::string_view right);

}  // namespace tpt::filter
