#include "augment/fleet_simulation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace tpt::augment {
namespace {

FleetConfig without_hedges() {
  FleetConfig config;
  config.hedge_share = 0;
  return config;
}

// Tokens of the first server for one token of the second, where `in_flight` requests are in the
// fleet all the time.
double share(ServerConfig first, ServerConfig second, std::int64_t in_flight) {
  Simulation simulation(without_hedges());
  simulation.add(std::move(first));
  simulation.add(std::move(second));
  simulation.keep_asking(
      "r", 6000, [&] { return in_flight > 0 ? in_flight : simulation.fleet().capacity() * 5 / 4; });
  EXPECT_TRUE(simulation.run_until_all_answered(10000));
  EXPECT_EQ(simulation.inbox.successes(), 6000);
  return static_cast<double>(simulation.server(0).written_tokens()) /
         static_cast<double>(simulation.server(1).written_tokens());
}

TEST(FleetShare, ThreeTimesAsFastGetsThreeTimesTheTokens) {
  // Each writes eight answers at once, the first three times as fast.
  const ServerConfig fast{.slots = 8, .tokens_per_second = 300};
  const ServerConfig slow{.slots = 8, .tokens_per_second = 100};
  EXPECT_NEAR(share(fast, slow, 0), 3, 0.45) << "as many requests as the fleet asks for";
  EXPECT_NEAR(share(fast, slow, 40), 3, 0.45) << "few requests";
}

TEST(FleetShare, MoreSlotsGetMoreWork) {
  const ServerConfig wide{.slots = 24, .tokens_per_second = 100};
  const ServerConfig narrow{.slots = 8, .tokens_per_second = 100};
  EXPECT_NEAR(share(wide, narrow, 48), 3, 0.45);
}

TEST(FleetShare, LongAnswersCountForMore) {
  FleetConfig config = without_hedges();
  config.start_in_flight = 100;
  Simulation simulation(config);
  const auto length = [](const engine::Request& request) { return request.predicted_tokens; };
  simulation.add({.length = length});
  simulation.add({.length = length});
  // Every tenth answer is a hundred times as long.
  for (int i = 0; i < 100; ++i) {
    engine::Request request;
    request.predicted_tokens = i % 10 == 0 ? 5000 : 50;
    simulation.ask(fmt::format("r-{}", i), request);
  }
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_NEAR(static_cast<double>(simulation.server(0).written_tokens()),
              static_cast<double>(simulation.server(1).written_tokens()), 5100);
}

TEST(FleetShare, WeightIsObeyed) {
  FleetConfig config = without_hedges();
  config.start_in_flight = 100;
  Simulation simulation(config);
  simulation.add();
  simulation.add();
  auto members = simulation.members();
  members[0].weight = 3;
  simulation.fleet().set_members(members);
  simulation.ask_many("r", 80);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_NEAR(static_cast<double>(simulation.server(0).received()), 60, 3);
}

TEST(FleetShare, ASlowOneKeepsLittle) {
  Simulation simulation(without_hedges());
  simulation.add({.tokens_per_second = 1});
  simulation.add();
  simulation.add();
  simulation.keep_asking("r", 3000, [] { return std::int64_t{30}; });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_LT(simulation.server(0).received(), 120);
}

TEST(FleetRoster, MembersJoinAndLeaveWhileItRuns) {
  Simulation simulation(without_hedges());
  simulation.add();
  simulation.add();
  simulation.add();
  simulation.fleet().set_members({simulation.member(0), simulation.member(1)});
  ASSERT_TRUE(simulation.run_until_all_answered(1));
  simulation.ask_many("first", 64);
  simulation.world.run_until(0.5);
  const std::int64_t there = simulation.server(0).in_flight();
  ASSERT_EQ(there, 32);
  EXPECT_EQ(simulation.server(2).received(), 0);
  // "a" leaves while busy, "c" comes back.
  simulation.fleet().set_members({simulation.member(1), simulation.member(2)});
  EXPECT_EQ(simulation.status("a").state, "draining");
  simulation.ask_many("second", 64);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox.successes(), 128);
  EXPECT_EQ(simulation.server(0).received(), 32) << "it gets nothing new";
  EXPECT_EQ(simulation.server(0).answered(), 32) << "it finishes what it has";
  EXPECT_GT(simulation.server(2).received(), 0);
  EXPECT_EQ(simulation.status("a").state, "left");
  EXPECT_EQ(simulation.status("a").answers, 32) << "its spend is remembered";
  EXPECT_FALSE(simulation.inbox.doubled());
}

TEST(FleetRoster, TheSameNameKeepsItsState) {
  Simulation simulation(without_hedges());
  simulation.add();
  simulation.add();
  simulation.keep_asking("r", 500, [&] { return simulation.fleet().capacity() + 10; });
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  const EndpointStatus before = simulation.status("a");
  EXPECT_GT(before.limit, FleetConfig().start_in_flight);
  auto members = simulation.members();
  members[0].price_per_million_generated_tokens = 2;
  simulation.fleet().set_members(members);
  const EndpointStatus after = simulation.status("a");
  EXPECT_EQ(after.limit, before.limit);
  EXPECT_EQ(after.answers, before.answers);
  EXPECT_DOUBLE_EQ(after.spent, 2e-6 * static_cast<double>(after.generated_tokens));
  // One that left and joins again goes on counting.
  simulation.fleet().set_members({simulation.member(1)});
  EXPECT_EQ(simulation.status("a").state, "left");
  simulation.fleet().set_members(simulation.members());
  EXPECT_EQ(simulation.status("a").state, "up");
  EXPECT_EQ(simulation.status("a").answers, before.answers);
  EXPECT_EQ(simulation.fleet().endpoints().size(), 2U);
}

TEST(FleetRoster, WithoutMembersRequestsWait) {
  Simulation simulation(without_hedges());
  simulation.add();
  simulation.fleet().set_members({});
  simulation.ask_many("r", 10);
  simulation.world.run_until(100);
  EXPECT_EQ(simulation.inbox.size(), 0);
  simulation.fleet().set_members(simulation.members());
  ASSERT_TRUE(simulation.run_until_all_answered(10));
  EXPECT_EQ(simulation.inbox.successes(), 10);
}

TEST(FleetRoster, TellsOfManyInFewLines) {
  Simulation simulation(without_hedges());
  for (int i = 0; i < 300; ++i) {
    simulation.add();
  }
  simulation.fleet().set_members({simulation.member(0)});
  EXPECT_LE(simulation.events.size(), 20U);
}

TEST(FleetSpend, CountsTokensMoneyAndTime) {
  Simulation simulation(without_hedges());
  simulation.add();
  auto members = simulation.members();
  members[0].price_per_million_prompt_tokens = 1;
  members[0].price_per_million_generated_tokens = 3;
  members[0].price_per_hour = 36;
  members[0].gpus = 8;
  simulation.fleet().set_members(members);
  simulation.ask_many("r", 20);
  ASSERT_TRUE(simulation.run_until_all_answered(10));
  simulation.world.run_until(500);
  const EndpointStatus status = simulation.status("a");
  EXPECT_EQ(status.requests, 20);
  EXPECT_EQ(status.answers, 20);
  EXPECT_EQ(status.prompt_tokens, 200);
  EXPECT_EQ(status.generated_tokens, 2000);
  EXPECT_NEAR(status.busy_seconds, 1, 1e-9) << "idle time is not busy";
  EXPECT_NEAR(status.gpu_seconds, 8, 1e-8);
  EXPECT_GT(status.answer_seconds, 0);
  EXPECT_EQ(std::accumulate(status.answers_within.begin(), status.answers_within.end(), 0), 20);
  EXPECT_NEAR(status.spent, 200e-6 + 3 * 2000e-6 + 0.01, 1e-9);
  EXPECT_EQ(status.outstanding_tokens, 0);
}

}  // namespace
}  // namespace tpt::augment
