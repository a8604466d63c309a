#include "storage/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tpt::storage {
namespace {

TEST(Checksum, NoticesEveryBitAndEveryLength) {
  std::string bytes = "the thinking of a document, 4096 bytes as a rule";
  const std::uint64_t whole = checksum64(bytes);
  EXPECT_EQ(checksum64(bytes), whole);
  std::set<std::uint64_t> seen = {whole};
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(seen.insert(checksum64(bytes)).second) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_TRUE(seen.insert(checksum64(std::string_view(bytes).substr(0, length))).second);
  }
  EXPECT_NE(checksum64(std::string(8, '\0')), checksum64(std::string(9, '\0')));
  EXPECT_NE(checksum64("a", 1), checksum64("a", 2));
}

}  // namespace
}  // namespace tpt::storage
