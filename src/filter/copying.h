// How much of the thinking is the document over again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tpt::filter {

// The share of the thinking's words in runs of at least `n` words that stand in the document too,
// both given as their ngram_hashes(). Quotations make a small share, a copy with a word changed
// here and there still a large one. 0 where there are fewer than `n` words.
double copied_share(std::span<const std::uint64_t> thinking,
                    std::span<const std::uint64_t> document, std::size_t n);

}  // namespace tpt::filter
