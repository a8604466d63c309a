#include "engine/token_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tpt::engine {
namespace {

// The obvious way: sort everything, add up in double precision.
std::int32_t draw_slowly(const std::vector<float>& logits, const Sampling& sampling,
                         Random& random) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto logit = [&](std::int32_t i) { return logits[static_cast<std::size_t>(i)]; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int32_t a, std::int32_t b) { return logit(a) > logit(b); });
  if (sampling.temperature == 0) return order.front();
  if (sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < order.size()) {
    order.resize(static_cast<std::size_t>(sampling.top_k));
  }
  std::vector<double> weights;
  for (const std::int32_t i : order) {
    weights.push_back(
        std::exp((double{logit(i)} - double{logit(order.front())}) / sampling.temperature));
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t kept = 0;
  double held = 0;
  while (kept < weights.size() && (kept == 0 || held < sampling.top_p * total))
    held += weights[kept++];
  double left = random.uniform() * held;
  std::size_t drawn = 0;
  while (drawn + 1 < kept && left >= weights[drawn]) left -= weights[drawn++];
  return order[drawn];
}

std::vector<float> random_logits(std::size_t count, double spread, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> logits(count);
  for (float& logit : logits) {
    const double u = random.uniform() + random.uniform() + random.uniform() - 1.5;
    logit = static_cast<float>(spread * u);
  }
  return logits;
}

TEST(TokenSampler, DrawsWhatTheSlowTwinDraws) {
  int different = 0;
  int drawn = 0;
  for (const double temperature : {0.6, 1.0, 0.05, 3.0}) {
    for (const double top_p : {0.9, 0.5, 0.999}) {
      for (const std::int64_t top_k : {0, 1, 7, 1000, 1 << 20}) {
        for (const std::size_t count : {1U, 5U, 255U, 257U, 3000U}) {
          Sampling sampling;
          sampling.temperature = temperature;
          sampling.top_p = top_p;
          sampling.top_k = top_k;
          sampling.seed = count;
          TokenSampler fast(sampling);
          Random random(sampling.seed);
          for (std::uint64_t i = 0; i < 10; ++i) {
            const std::vector<float> logits = random_logits(count, i % 2 == 0 ? 20 : 3, i);
            const std::optional<std::int32_t> got = fast.draw(logits);
            ASSERT_TRUE(got);
            ++drawn;
            // A draw with top_k 1 takes no random number in the fast one.
            different += top_k != 1 && *got != draw_slowly(logits, sampling, random) ? 1 : 0;
          }
        }
      }
    }
  }
  // The total is a sum of floats: once in a long while a border falls the other way.
  EXPECT_LE(different, drawn / 1000);
}

TEST(TokenSampler, TheWholeDistributionHasTheRightShares) {
  Sampling sampling;
  sampling.temperature = 1;
  sampling.top_p = 1;
  TokenSampler sampler(sampling);
  std::vector<float> logits(600, -std::numeric_limits<float>::infinity());
  logits[3] = std::log(1.0F);
  logits[300] = std::log(2.0F);
  logits[599] = std::log(5.0F);
  std::vector<int> counts(600, 0);
  for (int i = 0; i < 16000; ++i) ++counts[static_cast<std::size_t>(*sampler.draw(logits))];
  EXPECT_NEAR(counts[3], 2000, 200);
  EXPECT_NEAR(counts[300], 4000, 250);
  EXPECT_NEAR(counts[599], 10000, 300);
}

TEST(TokenSampler, NucleusExcludesTheRest) {
  Sampling sampling;
  sampling.temperature = 1;
  sampling.top_p = 0.6;
  TokenSampler sampler(sampling);
  const std::vector<float> logits = {std::log(0.1F), std::log(0.5F), std::log(0.15F),
                                     std::log(0.25F)};
  std::vector<int> counts(4, 0);
  for (int i = 0; i < 3000; ++i) ++counts[static_cast<std::size_t>(*sampler.draw(logits))];
  EXPECT_EQ(counts[0] + counts[2], 0);
  EXPECT_NEAR(counts[1], 2000, 120);
}

TEST(TokenSampler, GreedyTakesTheFirstOfTheLargest) {
  Sampling sampling;
  sampling.temperature = 0;
  TokenSampler sampler(sampling);
  EXPECT_EQ(sampler.draw(std::vector<float>{1, 5, 2, 5}), 1);
}

TEST(TokenSampler, BrokenLogitsAreNoDistribution) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temperature : {0.0, 0.6}) {
    for (const std::size_t at : {0U, 9U, 20U}) {
      Sampling sampling;
      sampling.temperature = temperature;
      std::vector<float> logits(21, 0.5F);
      logits[at] = nan;
      EXPECT_FALSE(TokenSampler(sampling).draw(logits)) << at << " " << temperature;
      logits[at] = inf;
      EXPECT_FALSE(TokenSampler(sampling).draw(logits));
      logits[at] = -inf;
      EXPECT_TRUE(TokenSampler(sampling).draw(logits));
    }
    Sampling sampling;
    sampling.temperature = temperature;
    EXPECT_FALSE(TokenSampler(sampling).draw(std::vector<float>(20, -inf)));
    EXPECT_FALSE(TokenSampler(sampling).draw({}));
  }
}

TEST(TokenSampler, TheSeedDecides) {
  const std::vector<float> logits = random_logits(1000, 2, 1);
  const auto sequence = [&](std::uint64_t seed) {
    Sampling sampling;
    sampling.seed = seed;
    TokenSampler sampler(sampling);
    std::vector<std::int32_t> drawn;
    for (int i = 0; i < 20; ++i) drawn.push_back(*sampler.draw(logits));
    return drawn;
  };
  EXPECT_EQ(sequence(5), sequence(5));
  EXPECT_NE(sequence(5), sequence(6));
}

}  // namespace
}  // namespace tpt::engine
