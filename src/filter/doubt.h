// Whether the thinking stands behind what a sentence says.
#pragma once

#include "filter/reading.h"

#include <cstddef>
#include <string_view>

namespace tpt::filter {

// True where the sentence around [begin, end) supposes, denies, doubts, rounds or compares, or what
// follows takes it back ("Wait, ...", "that's not right"): its numbers are not claims. Words that
// stand in `told`, a sentence in lower case that it tells again, are not its own.
bool is_doubted(const Reading& thinking, std::size_t begin, std::size_t end, std::string_view told);

// The same for arithmetic, which is true or false of anything: "if he buys 3 boxes, he has 3 * 4 =
// 13 eggs" and "another 3 * 4 = 13" are claims, "if 3 * 4 = 13" is none.
bool is_doubted_arithmetic(const Reading& thinking, std::size_t begin, std::size_t end);

}  // namespace tpt::filter
