// Eight bytes at once against one byte after the other.
#include "filter/byte_lanes.h"

#include "base/random.h"
#include "filter/reading.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::filter {
namespace {

bool is_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }

bool is_word_byte(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || is_upper(c) || c >= 0x80U;
}

std::string random_bytes(Random& random, std::size_t size) {
  std::string text(size, 0);
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

TEST(ByteLanes, TreatEachByteAsIfItWereAlone) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second),
                                static_cast<char>(second), static_cast<char>(first)};
      const std::uint64_t lanes = lanes_at(text, 0);
      std::uint64_t lower = 0;
      std::uint64_t words = 0;
      std::int64_t continuing = 0;
      for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        lower |= static_cast<std::uint64_t>(is_upper(c) ? c + 32U : c) << (8 * i);
        words |= static_cast<std::uint64_t>(is_word_byte(c)) << i;
        continuing += (c & 0xC0U) == 0x80U ? 1 : 0;
      }
      ASSERT_EQ(lower_case_lanes(lanes), lower) << first << " " << second;
      ASSERT_EQ(word_lanes(lanes), words) << first << " " << second;
      ASSERT_EQ(continuing_lanes(lanes), continuing) << first << " " << second;
    }
  }
}

TEST(ByteLanes, ReadNothingBehindTheEnd) {
  const std::string text = "abcdefghij";
  EXPECT_EQ(lanes_at(text, 8), 0x6A69U);
  EXPECT_EQ(lanes_at(text, 10), 0U);
  EXPECT_EQ(first_lanes(lanes_at(text, 0), 2), 0x6261U);
  EXPECT_EQ(first_lanes(lanes_at(text, 0), 8), lanes_at(text, 0));
}

TEST(Reading, IsLoweredAndSearchedByteByByte) {
  static constexpr auto kSigns = table_of("`~[$\x80");
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_bytes(random, random.below(70));
    std::string lower = text;
    for (char& c : lower)
      c = static_cast<char>(is_upper(static_cast<unsigned char>(c)) ? c + 32 : c);
    ASSERT_EQ(read_text(text).lower, lower);
    const std::size_t from = random.below(text.size() + 1);
    ASSERT_EQ(find_any(text, kSigns, from),
              std::min(text.find_first_of("`~[$\x80", from), text.size()));
  }
}

}  // namespace
}  // namespace tpt::filter
