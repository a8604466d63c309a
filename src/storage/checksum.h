// A 64-bit sum that notices damage to bytes at rest; no defence against a forger.
#pragma once

#include <cstdint>
#include <string_view>

namespace tpt::storage {

// Any change within eight neighbouring bytes gives another sum, any other damage one in 2^64 does
// not. `seed`: the sum of what goes before, to chain several parts.
std::uint64_t checksum64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace tpt::storage
