// How much of the thinking is the document over again.
#pragma once

#include "filter/words.h"

#include <cstddef>
#include <span>

namespace tpt::filter {

// The share of the thinking's words in runs of at least `n` words that stand in the document too.
// Quotations make a small share, a copy with a word changed here and there still a large one. 0
// where there are fewer than `n` words.
double copied_share(std::span<const Word> thinking, std::span<const Word> document, std::size_t n);

}  // namespace tpt::filter
