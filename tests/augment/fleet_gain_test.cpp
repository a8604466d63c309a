// Limits that stop where an endpoint does no more with more: over ratios of speed, seeds, lengths
// of answers, and servers that batch.
#include "augment/fleet_gain.h"

#include "augment/fleet_simulation.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

namespace tpt::augment {
namespace {

FleetConfig without_hedges(std::int64_t start = 32, std::int64_t most = 512) {
  FleetConfig config;
  config.hedge_share = 0;
  config.start_in_flight = start;
  config.most_in_flight = most;
  return config;
}

// Lengths as models have them: many short, few long; about `mean` tokens.
std::function<std::int64_t(const engine::Request&)> lengths(std::uint64_t seed, double mean) {
  return [seed, mean](const engine::Request& request) {
    Random random(derive_seed(seed, request.key, "length"));
    return 1 + static_cast<std::int64_t>(-mean * std::log(1 - random.uniform()));
  };
}

// Tokens of the first server for one of the second, flooded.
double flooded_share(const ServerConfig& first, const ServerConfig& second, std::uint64_t seed,
                     std::int64_t requests) {
  FleetConfig config = without_hedges();
  config.seed = seed;
  Simulation simulation(config);
  simulation.add(first);
  simulation.add(second);
  simulation.keep_asking("r", requests, [&] { return simulation.fleet().capacity() * 5 / 4; });
  EXPECT_TRUE(simulation.run_until_all_answered(1e5));
  EXPECT_EQ(simulation.inbox.successes(), requests);
  return static_cast<double>(simulation.server(0).written_tokens()) /
         static_cast<double>(simulation.server(1).written_tokens());
}

TEST(FleetGainSlow, AFloodedFleetSharesByWhatEachCanDo) {
  for (const double ratio : {1.0, 1.5, 2.0, 3.0, 6.0}) {
    for (const std::uint64_t seed : {1U, 2U}) {
      // A run must be long against what waits at the slow one when it ends.
      const std::int64_t requests = ratio > 3 ? 24'000 : 6'000;
      ServerConfig fast{.slots = 8, .tokens_per_second = 100 * ratio, .length = lengths(seed, 100)};
      const ServerConfig slow{.slots = 8, .tokens_per_second = 100, .length = lengths(seed, 100)};
      EXPECT_NEAR(flooded_share(fast, slow, seed, requests), ratio, 0.15 * ratio)
          << "as fast, seed " << seed;
      fast = {.slots = static_cast<std::int64_t>(8 * ratio), .length = lengths(seed, 100)};
      EXPECT_NEAR(flooded_share(fast, slow, seed, requests), ratio, 0.15 * ratio)
          << "as many at once, seed " << seed;
    }
  }
}

// Tokens a second of each answer as a server has them that batches: each costs the others a little,
// so that the whole rises ever more slowly, by 70 % from 32 to 64 and by 20 % from 256 to 512.
double batched_speed(std::int64_t running) { return 50 / (1 + static_cast<double>(running) / 200); }

double batching_seconds(const FleetConfig& config, std::int64_t slots, std::uint64_t seed) {
  Simulation simulation(config);
  simulation.add({.slots = slots, .speed_at = batched_speed, .length = lengths(seed, 300)});
  simulation.keep_asking("r", 12'000, [&] { return simulation.fleet().capacity() * 5 / 4; });
  EXPECT_TRUE(simulation.run_until_all_answered(1e5));
  return simulation.world.now_seconds();
}

TEST(FleetGainSlow, AServerThatBatchesIsGivenWhatItCanUse) {
  for (const std::int64_t knee : {64, 1024}) {
    for (const std::uint64_t seed : {1U, 2U}) {
      const double best =
          batching_seconds(without_hedges(std::min<std::int64_t>(knee, 512)), knee, seed);
      // Little longer than one that knows it from the start, the time to find out included.
      EXPECT_LT(batching_seconds(without_hedges(), knee, seed), 1.15 * best)
          << "knee " << knee << ", seed " << seed;
    }
  }
}

TEST(FleetGain, TheLimitStaysNearTheKnee) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Simulation simulation(without_hedges(4, 4096));
    simulation.add({.slots = 64, .speed_at = batched_speed, .length = lengths(seed, 300)});
    simulation.keep_asking("r", 8000, [&] { return simulation.fleet().capacity() * 5 / 4; });
    ASSERT_TRUE(simulation.run_until_all_answered(1e5));
    EXPECT_GE(simulation.status("a").limit, 48) << seed;
    EXPECT_LE(simulation.status("a").limit, 512) << seed << ", of 4,096";
  }
}

TEST(FleetGain, AServerThatTakesAllIsGivenAll) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Simulation simulation(without_hedges(8, 1000));
    simulation.add({.length = lengths(seed, 100)});
    simulation.keep_asking("r", 10'000, [&] { return simulation.fleet().capacity() * 5 / 4; });
    ASSERT_TRUE(simulation.run_until_all_answered(1e5));
    EXPECT_GE(simulation.status("a").limit, 700) << seed;
  }
}

TEST(FleetGain, OneAtATimeIsEnoughForOneSlot) {
  for (const std::int64_t start : {1, 2}) {
    Simulation simulation(without_hedges(start));
    simulation.add({.slots = 1, .tokens_per_second = 1000, .length = lengths(1, 100)});
    simulation.keep_asking("r", 2000, [&] { return simulation.fleet().capacity() + 3; });
    ASSERT_TRUE(simulation.run_until_all_answered(1e4));
    EXPECT_EQ(simulation.inbox.successes(), 2000);
    EXPECT_LE(simulation.status("a").limit, 64);
    // Never idle: 2,000 answers of a tenth of a second.
    EXPECT_LT(simulation.world.now_seconds(),
              1.02 * 1e-3 * static_cast<double>(simulation.server(0).written_tokens()));
  }
}

TEST(FleetGain, WhatAServerGainsLaterIsFoundOut) {
  Simulation simulation(without_hedges(4, 512));
  simulation.add({.slots = 8, .length = lengths(1, 100)});
  simulation.keep_asking("r", 3000, [&] { return simulation.fleet().capacity() * 5 / 4; });
  const std::int64_t before = simulation.status("a").limit;
  EXPECT_LE(before, 128);
  simulation.server(0).config().slots = 256;
  simulation.keep_asking("s", 30'000, [&] { return simulation.fleet().capacity() * 5 / 4; });
  ASSERT_TRUE(simulation.run_until_all_answered(1e5));
  EXPECT_GE(simulation.status("a").limit, 180);
}

TEST(FleetGain, TroubleAndAbsenceBeginAnew) {
  Simulation simulation(without_hedges(4, 512));
  simulation.add({.slots = 8, .length = lengths(1, 100)}, true);
  simulation.keep_asking("r", 2000, [&] { return simulation.fleet().capacity() * 5 / 4; });
  simulation.server(0).die();
  simulation.world.run_until(simulation.world.now_seconds() + 5);
  simulation.server(0).set_mode(Mode::serving);
  simulation.server(0).config().slots = 128;
  simulation.keep_asking("s", 10'000, [&] { return simulation.fleet().capacity() * 5 / 4; });
  ASSERT_TRUE(simulation.run_until_all_answered(1e5));
  EXPECT_EQ(simulation.inbox.successes(), 12'000);
  EXPECT_GE(simulation.status("a").limit, 90);
}

// One answer after the other, with so many in flight that each takes `seconds`.
GainVerdict full_window(ThroughputGain& gain, std::int64_t in_flight, double seconds,
                        std::int64_t tokens = 100, bool settled = false) {
  GainVerdict verdict = GainVerdict::open;
  for (int i = 0; i < 100; ++i) {
    verdict = gain.add({.sent_seconds = 10,
                        .answered_seconds = 10 + seconds,
                        .in_flight = in_flight,
                        .tokens = tokens},
                       100, settled);
    EXPECT_EQ(verdict == GainVerdict::open, i < 99);
  }
  return verdict;
}

TEST(ThroughputGain, HoldsAWindowAgainstTheOneBeforeIt) {
  ThroughputGain gain;
  gain.skip_until(0);
  EXPECT_EQ(full_window(gain, 10, 1), GainVerdict::level) << "the first";
  EXPECT_EQ(full_window(gain, 12, 1), GainVerdict::level) << "too near to tell";
  EXPECT_EQ(full_window(gain, 20, 1), GainVerdict::more) << "as fast as half of them";
  EXPECT_EQ(full_window(gain, 40, 1.5), GainVerdict::more) << "a third more in all";
  EXPECT_EQ(full_window(gain, 80, 3), GainVerdict::none) << "they wait";
  EXPECT_DOUBLE_EQ(gain.level(), 40);
  EXPECT_EQ(full_window(gain, 80, 4), GainVerdict::none) << "they hinder each other";
  EXPECT_EQ(full_window(gain, 80, 3.2, 180), GainVerdict::more) << "longer answers in that time";
  EXPECT_EQ(full_window(gain, 20, 1), GainVerdict::level) << "fewer: the new measure";
  EXPECT_DOUBLE_EQ(gain.level(), 20);
  gain.reset();
  EXPECT_DOUBLE_EQ(gain.level(), 0);
}

TEST(ThroughputGain, CountsNothingOfTheFilling) {
  ThroughputGain gain;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(gain.add({.sent_seconds = 1, .answered_seconds = 2, .in_flight = 5, .tokens = 1}, 32,
                       false),
              GainVerdict::open);
  }
  EXPECT_EQ(
      gain.add({.sent_seconds = 3, .answered_seconds = 3, .in_flight = 5, .tokens = 1}, 1, false),
      GainVerdict::open)
      << "no time has passed";
}

}  // namespace
}  // namespace tpt::augment
