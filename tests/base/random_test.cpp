#include "base/random.h"

#include "base/digest.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace tpt {
namespace {

TEST(Digest, KnownVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, PiecesAndWholeAgree) {
  Sha256 hash;
  hash.update("ab");
  const std::string first = hash.hex();
  hash.update("c");
  EXPECT_EQ(first, sha256_hex("ab"));
  EXPECT_EQ(hash.hex(), sha256_hex("abc"));
}

TEST(Random, SeedsDifferByEachPart) {
  const std::uint64_t seed = derive_seed(1, "doc", "focus");
  EXPECT_EQ(seed, derive_seed(1, "doc", "focus"));
  EXPECT_NE(seed, derive_seed(2, "doc", "focus"));
  EXPECT_NE(seed, derive_seed(1, "dod", "focus"));
  EXPECT_NE(seed, derive_seed(1, "doc", "focut"));
  EXPECT_NE(derive_seed(1, "ab", "c"), derive_seed(1, "a", "bc"));
}

TEST(Random, ShuffleIsAPermutationAndTheSameOnEveryMachine) {
  std::vector<int> items(10);
  std::iota(items.begin(), items.end(), 0);
  Random random(7);
  random.shuffle(std::span(items));
  std::vector<int> sorted = items;
  std::sort(sorted.begin(), sorted.end());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
  std::vector<int> again(10);
  std::iota(again.begin(), again.end(), 0);
  Random(7).shuffle(std::span(again));
  EXPECT_EQ(items, again);
}

TEST(Random, BelowIsUniform) {
  Random random(3);
  std::vector<int> counts(5, 0);
  for (int i = 0; i < 50000; ++i) ++counts[random.below(5)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 500);
}

}  // namespace
}  // namespace tpt
