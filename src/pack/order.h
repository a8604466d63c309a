// The seeded orders of packing: of the sequences, and of whose thinking a document gets in the
// control.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tpt::pack {

// 0 .. count - 1 in a random order (Fisher-Yates).
std::vector<std::uint64_t> shuffled_order(std::size_t count, std::int64_t seed);

// For each place i another place whose thinking it gets, so that every thinking is used once and
// items[i] != items[result[i]]: a random cycle (Sattolo), then swaps where a cycle joins two
// rollouts of one document. Error(user) where it cannot be done.
std::vector<std::uint64_t> derangement(std::span<const std::uint64_t> items, std::int64_t seed);

}  // namespace tpt::pack
