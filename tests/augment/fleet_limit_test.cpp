#include "augment/fleet_limit.h"

#include "augment/fleet_router.h"
#include "augment/fleet_simulation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tpt::augment {
namespace {

// A round in which every place is used and answered.
void full_round(AdaptiveLimit& limit) {
  const std::int64_t places = limit.value();
  for (std::int64_t i = 1; i <= places; ++i) {
    limit.sent(i);
  }
  // Each takes a second, however many there are.
  for (std::int64_t i = 0; i < places; ++i) {
    limit.answered({.sent_seconds = 0, .answered_seconds = 1, .in_flight = places, .tokens = 100});
  }
}

TEST(AdaptiveLimit, DoublesUntilTheFirstTroubleThenAddsOneARound) {
  AdaptiveLimit limit(4, 1000, 0.5);
  full_round(limit);
  EXPECT_EQ(limit.value(), 8);
  full_round(limit);
  full_round(limit);
  EXPECT_EQ(limit.value(), 32);
  EXPECT_TRUE(limit.troubled(1, 2));
  EXPECT_EQ(limit.value(), 16);
  full_round(limit);
  EXPECT_NEAR(static_cast<double>(limit.value()), 17, 1);
  full_round(limit);
  full_round(limit);
  full_round(limit);
  EXPECT_NEAR(static_cast<double>(limit.value()), 19, 1);
}

TEST(AdaptiveLimit, ARoundOfTroubleCutsOnce) {
  AdaptiveLimit limit(100, 1000, 0.7);
  EXPECT_TRUE(limit.troubled(1, 10));
  EXPECT_FALSE(limit.troubled(2, 11)) << "was under way at the cut";
  EXPECT_FALSE(limit.troubled(9.5, 12));
  EXPECT_EQ(limit.value(), 70);
  EXPECT_TRUE(limit.troubled(12, 13)) << "was sent under the new limit";
  EXPECT_EQ(limit.value(), 49);
}

TEST(AdaptiveLimit, StaysBetweenOneAndTheMost) {
  AdaptiveLimit limit(2, 5, 0.5);
  for (int i = 0; i < 10; ++i) {
    full_round(limit);
  }
  EXPECT_EQ(limit.value(), 5);
  for (int i = 0; i < 10; ++i) {
    limit.troubled(2 * i + 1, 2 * i + 2);
  }
  EXPECT_EQ(limit.value(), 1);
  limit.set_most(3);
  for (int i = 0; i < 30; ++i) {
    full_round(limit);
  }
  EXPECT_EQ(limit.value(), 3);
}

TEST(AdaptiveLimit, DoesNotGrowWhereItHeldNothingBack) {
  AdaptiveLimit limit(64, 1000, 0.5);
  limit.troubled(1, 2);
  for (int i = 0; i < 1000; ++i) {
    limit.sent(5);
    limit.answered({.sent_seconds = 0, .answered_seconds = 1, .in_flight = 5, .tokens = 100});
  }
  EXPECT_EQ(limit.value(), 32);
}

TEST(AdaptiveLimit, StartsAgainAfterAnAbsence) {
  AdaptiveLimit limit(4, 1000, 0.5);
  for (int i = 0; i < 6; ++i) {
    full_round(limit);
  }
  ASSERT_EQ(limit.value(), 256);
  limit.restart();
  EXPECT_EQ(limit.value(), 4);
  for (int i = 0; i < 5; ++i) {
    full_round(limit);
  }
  EXPECT_EQ(limit.value(), 128);
  full_round(limit);
  EXPECT_NEAR(static_cast<double>(limit.value()), 129, 1) << "from half of before one more a round";
}

TEST(Router, FindsWhatALookAtAllFinds) {
  Router router(7);
  std::vector<double> scores;
  Random random(3);
  EXPECT_EQ(router.best(), Router::kNone);
  for (int step = 0; step < 20000; ++step) {
    if (scores.size() < 100 && random.below(50) == 0) {
      EXPECT_EQ(router.add_place(), scores.size());
      scores.push_back(Router::kUnavailable);
    }
    if (scores.empty()) {
      continue;
    }
    const std::size_t place = random.below(scores.size());
    scores[place] = random.below(3) == 0 ? Router::kUnavailable : random.uniform();
    router.set_score(place, scores[place]);
    const auto lowest = [&](std::size_t left_out) {
      std::size_t best = Router::kNone;
      for (std::size_t i = 0; i < scores.size(); ++i) {
        if (i != left_out && scores[i] < Router::kUnavailable &&
            (best == Router::kNone || scores[i] < scores[best])) {
          best = i;
        }
      }
      return best;
    };
    ASSERT_EQ(router.best(), lowest(Router::kNone));
    const std::size_t without = random.below(scores.size());
    ASSERT_EQ(router.best_without(without), lowest(without));
    ASSERT_EQ(router.best(), lowest(Router::kNone)) << "looking changes nothing";
  }
}

// The order in which four equal places are first chosen.
std::vector<std::size_t> first_round(std::uint64_t seed) {
  Router router(seed);
  for (int i = 0; i < 4; ++i) {
    router.set_score(router.add_place(), 1);
  }
  std::vector<std::size_t> chosen;
  for (int i = 0; i < 8; ++i) {
    chosen.push_back(router.best());
    router.used(chosen.back());
    router.set_score(chosen.back(), 1);
  }
  EXPECT_TRUE(std::equal(chosen.begin(), chosen.begin() + 4, chosen.begin() + 4)) << "by turns";
  chosen.resize(4);
  return chosen;
}

TEST(Router, SettlesTiesByTurnsInAnOrderOfTheSeed) {
  std::vector<std::size_t> sorted = first_round(1);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(first_round(1), first_round(1));
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 6; ++seed) {
    differs = differs || first_round(seed) != first_round(1);
  }
  EXPECT_TRUE(differs);
}

TEST(FleetLimit, FindsWhatAnEndpointCanHold) {
  FleetConfig config;
  config.hedge_share = 0;
  config.start_in_flight = 4;
  config.most_in_flight = 512;
  Simulation simulation(config);
  simulation.add({.most_accepted = 60});
  simulation.keep_asking("r", 6000, [&] { return 2 * simulation.fleet().capacity(); });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_EQ(simulation.inbox.successes(), 6000);
  // 6,000 answers of a second at 60 at once take 100 s; the probing for more costs a little.
  EXPECT_LT(simulation.world.now_seconds(), 150);
  const EndpointStatus status = simulation.status("a");
  EXPECT_GE(status.limit, 35);
  EXPECT_LE(status.limit, 70);
  EXPECT_LT(status.failures.at("busy"), 600);
}

TEST(FleetLimit, ObeysRetryAfter) {
  Simulation simulation;
  simulation.add({.retry_after_seconds = 40}).set_mode(Mode::busy);
  simulation.ask_many("r", 100);
  simulation.world.run_until(1);
  const std::int64_t before = simulation.server(0).received();
  EXPECT_EQ(before, 32);
  simulation.world.run_until(40);
  EXPECT_EQ(simulation.server(0).received(), before) << "asked before it was time";
  simulation.server(0).set_mode(Mode::serving);
  simulation.world.run_until(40.2);
  EXPECT_GT(simulation.server(0).received(), before);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox.successes(), 100);
  EXPECT_EQ(simulation.status("a").state, "up") << "busy is not down";
}

TEST(FleetLimit, ABusyStormMovesTheWorkElsewhere) {
  Simulation simulation;
  simulation.add({.retry_after_seconds = 30}).set_mode(Mode::busy);
  simulation.add();
  simulation.ask_many("r", 300);
  ASSERT_TRUE(simulation.run_until_all_answered(25));
  EXPECT_EQ(simulation.inbox.successes(), 300);
  EXPECT_EQ(simulation.server(0).received(), 32);
}

TEST(FleetLimit, BusyWithoutAWordIsNotAskedInACircle) {
  Simulation simulation;
  simulation.add().set_mode(Mode::busy);
  simulation.ask_many("r", 100);
  simulation.world.run_until(120);
  EXPECT_LT(simulation.server(0).received(), 110);
  simulation.server(0).set_mode(Mode::serving);
  ASSERT_TRUE(simulation.run_until_all_answered(200));
  EXPECT_EQ(simulation.inbox.successes(), 100);
  for (const auto& [key, response] : simulation.inbox.all()) {
    EXPECT_EQ(response.finish, Finish::stop) << "busy does not count against a request";
  }
}

}  // namespace
}  // namespace tpt::augment
