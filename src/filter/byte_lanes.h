// Eight bytes of a text at once, for what is done to every byte of every row.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tpt::filter {

static_assert(std::endian::native == std::endian::little, "the first byte of a text is the lowest");

constexpr std::uint64_t kEachLane = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = 0x80 * kEachLane;

// The bytes from `at` on; zero behind the end of the text.
inline std::uint64_t lanes_at(std::string_view text, std::size_t at) {
  std::uint64_t lanes = 0;
  if (at + sizeof lanes <= text.size()) {
    std::memcpy(&lanes, text.data() + at, sizeof lanes);
  } else if (at < text.size()) {
    std::memcpy(&lanes, text.data() + at, text.size() - at);
  }
  return lanes;
}

// The first `count` bytes of them, 1 to 8; the others zero.
inline std::uint64_t first_lanes(std::uint64_t lanes, std::size_t count) {
  return lanes & (~std::uint64_t{0} >> (64 - 8 * count));
}

// ASCII letters in lower case, all else as it is.
inline std::uint64_t lower_case_lanes(std::uint64_t lanes) {
  const std::uint64_t low = lanes & ~kHighBits;
  const std::uint64_t from_a = low + (0x80 - 'A') * kEachLane;
  const std::uint64_t behind_z = low + (0x80 - 'Z' - 1) * kEachLane;
  return lanes | ((from_a & ~behind_z & ~lanes & kHighBits) >> 2U);
}

// How many of the bytes go on a code point of UTF-8 (10xxxxxx).
inline std::int64_t continuing_lanes(std::uint64_t lanes) {
  return static_cast<std::int64_t>((((lanes & (~lanes << 1U) & kHighBits) >> 7U) * kEachLane) >>
                                   56U);
}

// A bit for each byte, the first lowest: 1 for ASCII letters and digits, and for all that is not
// ASCII.
inline std::uint64_t word_lanes(std::uint64_t lanes) {
  const std::uint64_t low = lanes & ~kHighBits;
  const std::uint64_t small = low | (0x20 * kEachLane);
  const std::uint64_t digits =
      (low + (0x80 - '0') * kEachLane) & ~(low + (0x80 - '9' - 1) * kEachLane);
  const std::uint64_t letters =
      (small + (0x80 - 'a') * kEachLane) & ~(small + (0x80 - 'z' - 1) * kEachLane);
  return (((digits | letters | lanes) & kHighBits) * 0x0002040810204081U) >> 56U;
}

}  // namespace tpt::filter
