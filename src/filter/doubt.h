// Whether the thinking stands behind what a sentence says.
#pragma once

#include "filter/reading.h"

#include <cstddef>

namespace tpt::filter {

// True where the sentence around [begin, end) supposes, denies, doubts or compares, or what follows
// takes it back ("Wait, ...", "that's not right"): its numbers are not claims.
bool is_doubted(const Reading& thinking, std::size_t begin, std::size_t end);

}  // namespace tpt::filter
