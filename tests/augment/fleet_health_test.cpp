#include "augment/fleet_simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace tpt::augment {
namespace {

using engine::Failure;
using testing::HasSubstr;

std::int64_t count(const Simulation& simulation, FleetEvent::Kind kind) {
  return std::count_if(simulation.events.begin(), simulation.events.end(),
                       [&](const FleetEvent& event) { return event.kind == kind; });
}

FleetConfig without_hedges() {
  FleetConfig config;
  config.hedge_share = 0;
  return config;
}

TEST(FleetHealth, RequestsOfADeadEndpointMoveAtOnce) {
  for (const bool with_probe : {false, true}) {
    Simulation simulation(without_hedges());
    simulation.add({.tokens_per_second = 1}, with_probe);
    simulation.add({.tokens_per_second = 1}, with_probe);
    simulation.ask_many("r", 40);
    simulation.world.run_until(10);
    const std::int64_t there = simulation.server(0).in_flight();
    ASSERT_GT(there, 10);
    simulation.server(0).die();
    simulation.world.run_until(10.1);
    EXPECT_EQ(simulation.status("a").state, "down");
    EXPECT_EQ(simulation.server(0).in_flight(), 0);
    EXPECT_EQ(simulation.status("a").in_flight, 0);
    EXPECT_EQ(simulation.server(1).in_flight(), 32) << "all its places are taken";
    ASSERT_TRUE(simulation.run_until_all_answered(1000));
    EXPECT_EQ(simulation.inbox.successes(), 40);
    EXPECT_FALSE(simulation.inbox.doubled());
    EXPECT_EQ(count(simulation, FleetEvent::Kind::down), 1);
  }
}

TEST(FleetHealth, ASilentDeathIsNoticedByProbes) {
  FleetConfig config = without_hedges();
  config.health_check_seconds = 10;
  Simulation simulation(config);
  simulation.add({.tokens_per_second = 0.1}, true);
  simulation.add({.tokens_per_second = 0.1}, true);
  simulation.ask_many("r", 20);
  simulation.world.run_until(5);
  const std::int64_t there = simulation.server(0).in_flight();
  simulation.server(0).die(true);
  // Two checks ten seconds apart, and the time that a probe is given.
  simulation.world.run_until(100);
  EXPECT_EQ(simulation.status("a").state, "down");
  EXPECT_EQ(simulation.server(0).in_flight(), 0) << "they were cancelled there";
  EXPECT_EQ(simulation.server(1).received(), 20);
  EXPECT_GT(there, 5);
  ASSERT_TRUE(simulation.run_until_all_answered(10000));
  EXPECT_EQ(simulation.inbox.successes(), 20);
}

TEST(FleetHealth, AWorkingEndpointThatIsSilentIsLeftAlone) {
  Simulation simulation(without_hedges());
  simulation.add({.tokens_per_second = 0.01}, true);
  simulation.ask_many("r", 4);
  ASSERT_TRUE(simulation.run_until_all_answered(20000));
  EXPECT_EQ(simulation.inbox.successes(), 4);
  EXPECT_EQ(simulation.server(0).received(), 4);
  EXPECT_GT(simulation.server(0).probes(), 100);
}

TEST(FleetHealth, TakesInAnEndpointThatComesBack) {
  for (const bool with_probe : {false, true}) {
    Simulation simulation(without_hedges());
    simulation.add({}, with_probe);
    simulation.add({}, with_probe);
    simulation.server(0).set_mode(Mode::refusing_connections);
    std::int64_t asked = 0;
    simulation.world.at(60, [&] { simulation.server(0).set_mode(Mode::serving); });
    const auto in_flight = [] { return std::int64_t{20}; };
    simulation.keep_asking("r", 1500, in_flight);
    asked = simulation.server(0).received();
    EXPECT_GT(asked, 50);
    EXPECT_EQ(simulation.status("a").state, "up");
    EXPECT_GT(simulation.status("a").answers, 50);
    // While it was away it was tried a few times, not for every request.
    EXPECT_LT(simulation.status("a").failures["unreachable"], with_probe ? 21 : 30);
    EXPECT_EQ(simulation.inbox.successes(), simulation.inbox.size());
  }
}

TEST(FleetHealth, SurvivesThatAllAreGoneForAMinute) {
  for (const bool with_probe : {false, true}) {
    Simulation simulation(without_hedges());
    simulation.add({}, with_probe);
    simulation.add({}, with_probe);
    simulation.add({}, with_probe);
    simulation.ask_many("r", 300);
    simulation.world.run_until(0.5);
    for (std::size_t i = 0; i < 3; ++i) {
      simulation.server(i).die();
    }
    simulation.world.run_until(60.5);
    EXPECT_EQ(simulation.inbox.size(), 0);
    EXPECT_EQ(simulation.fleet().capacity(), 1) << "no new work is wanted";
    for (std::size_t i = 0; i < 3; ++i) {
      simulation.server(i).set_mode(Mode::serving);
    }
    ASSERT_TRUE(simulation.run_until_all_answered(40)) << simulation.inbox.size();
    EXPECT_EQ(simulation.inbox.successes(), 300);
    EXPECT_FALSE(simulation.inbox.doubled());
  }
}

TEST(FleetHealth, EndsWithAClearWordOncePatienceIsOver) {
  Simulation simulation(without_hedges());
  simulation.add();
  simulation.add();
  simulation.server(0).set_mode(Mode::refusing_connections);
  simulation.server(1).set_mode(Mode::refusing_connections);
  simulation.ask_many("r", 50);
  simulation.world.run_until(290);
  EXPECT_EQ(simulation.inbox.size(), 0);
  ASSERT_TRUE(simulation.run_until_all_answered(20));
  EXPECT_FALSE(simulation.inbox.doubled());
  const engine::Response& response = simulation.inbox["r-7"];
  EXPECT_EQ(response.failure, Failure::unreachable);
  EXPECT_THAT(response.error, HasSubstr("no endpoint has been up for 30"));
  EXPECT_THAT(response.error, HasSubstr("a: connection refused"));
  EXPECT_THAT(response.error, HasSubstr("run the same command again"));
  // Whoever asks now hears the same at once ...
  simulation.ask("more");
  EXPECT_TRUE(simulation.inbox.has("more"));
  // ... until one is back.
  simulation.server(0).set_mode(Mode::serving);
  simulation.world.run_until(simulation.world.now_seconds() + 40);
  simulation.ask("later");
  ASSERT_TRUE(simulation.run_until_all_answered(10));
  EXPECT_EQ(simulation.inbox["later"].finish, Finish::stop);
}

TEST(FleetHealth, PatienceEndsWithAnEndpointThatIsBusyForEver) {
  Simulation simulation(without_hedges());
  simulation.add().set_mode(Mode::busy);
  simulation.ask_many("r", 5);
  ASSERT_TRUE(simulation.run_until_all_answered(400));
  EXPECT_GT(simulation.world.now_seconds(), 299);
  EXPECT_EQ(simulation.inbox["r-0"].failure, Failure::busy);
  EXPECT_THAT(simulation.inbox["r-0"].error, HasSubstr("busy each time"));
}

TEST(FleetHealth, LongAnswersDoNotTryThePatience) {
  FleetConfig config = without_hedges();
  config.patience_seconds = 60;
  Simulation simulation(config);
  // Seventeen minutes an answer; another request is lost now and then.
  simulation.add({.tokens_per_second = 0.1});
  simulation.ask_many("r", 3);
  simulation.world.run_until(5);
  simulation.server(0).set_mode(Mode::refusing_connections);
  simulation.ask("lost");
  simulation.world.run_until(5.005);
  simulation.server(0).set_mode(Mode::serving);
  ASSERT_TRUE(simulation.run_until_all_answered(5000));
  EXPECT_EQ(simulation.inbox.successes(), 4);
}

TEST(FleetHealth, WhoeverIsNotLetInIsOut) {
  Simulation simulation;
  simulation.add().set_mode(Mode::unauthorized);
  simulation.add();
  simulation.ask_many("r", 100);
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_EQ(simulation.inbox.successes(), 100);
  EXPECT_EQ(simulation.status("a").state, "down");
  EXPECT_LE(simulation.server(0).received(), 32);
  ASSERT_EQ(count(simulation, FleetEvent::Kind::down), 1);
  EXPECT_THAT(simulation.events.front().message, HasSubstr("401"));
}

TEST(FleetHealth, AWrongKeyEverywhereEndsTheRunAtOnce) {
  Simulation simulation;
  simulation.add({}, true).set_mode(Mode::unauthorized);
  simulation.add().set_mode(Mode::unauthorized);
  simulation.ask_many("r", 100);
  ASSERT_TRUE(simulation.run_until_all_answered(1));
  for (const auto& [key, response] : simulation.inbox.all()) {
    EXPECT_EQ(response.failure, Failure::unauthorized);
    EXPECT_THAT(response.error, HasSubstr("no endpoint lets us in"));
    EXPECT_THAT(response.error, HasSubstr("401"));
  }
  simulation.ask("more");
  EXPECT_EQ(simulation.inbox["more"].failure, Failure::unauthorized);
}

TEST(FleetHealth, OneForbiddenRequestDoesNotCostAnEndpoint) {
  FleetConfig config = without_hedges();
  config.request_attempts = 2;
  Simulation simulation(config);
  simulation.add();
  simulation.ask_many("good", 5);
  ASSERT_TRUE(simulation.run_until_all_answered(10));
  simulation.server(0).set_mode(Mode::unauthorized);
  simulation.ask("forbidden");
  simulation.world.run_until(simulation.world.now_seconds() + 0.005);
  simulation.server(0).set_mode(Mode::serving);
  ASSERT_TRUE(simulation.run_until_all_answered(10));
  EXPECT_EQ(simulation.status("a").state, "up");
  EXPECT_EQ(simulation.inbox["forbidden"].finish, Finish::stop);
}

TEST(FleetHealth, AFlappingEndpointLosesNothing) {
  Simulation simulation(without_hedges());
  simulation.add({}, true);
  simulation.add();
  for (int i = 0; i < 40; ++i) {
    simulation.world.at(3 * i + 1, [&] { simulation.server(0).die(); });
    simulation.world.at(3 * i + 2, [&] { simulation.server(0).set_mode(Mode::serving); });
  }
  simulation.keep_asking("r", 3000, [] { return std::int64_t{40}; });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_EQ(simulation.inbox.successes(), 3000);
  EXPECT_FALSE(simulation.inbox.doubled());
}

TEST(FleetHealth, ARequestThatKillsEveryServerIsGivenUp) {
  FleetConfig config = without_hedges();
  config.request_moves = 6;
  Simulation simulation(config);
  simulation.add();
  simulation.add();
  simulation.server(0).set_mode(Mode::refusing_connections);
  simulation.server(1).set_mode(Mode::refusing_connections);
  simulation.ask("poison");
  ASSERT_TRUE(simulation.run_until_all_answered(250));
  EXPECT_EQ(simulation.inbox["poison"].failure, Failure::unreachable);
  EXPECT_EQ(simulation.inbox["poison"].attempts, 6);
  EXPECT_THAT(simulation.inbox["poison"].error, HasSubstr("given up after 6 attempts"));
}

TEST(FleetHealth, AnEndpointThatRefusesEverythingDoesNotSwallowTheRun) {
  Simulation simulation(without_hedges());
  simulation.add({.fault_seconds = 0.001});
  simulation.add();
  // Known good before the other turns bad: a fast refusal would draw all the work.
  simulation.keep_asking("before", 100, [] { return std::int64_t{10}; });
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  simulation.server(0).set_mode(Mode::refusing);
  simulation.keep_asking("after", 1000, [] { return std::int64_t{10}; });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_GE(simulation.inbox.successes(), 1095);
}

// The others are slow and full: what is refused waits for them.
TEST(FleetHealth, EndpointsThatRefuseEverythingFromTheStartLoseNothing) {
  for (const Mode mode : {Mode::refusing, Mode::too_small, Mode::foreign}) {
    for (const bool with_probe : {false, true}) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(mode) << with_probe);
      FleetConfig config = without_hedges();
      config.start_in_flight = 4;
      config.most_in_flight = 4;
      Simulation simulation(config);
      for (const Mode of : {mode, Mode::serving, mode, Mode::serving}) {
        simulation.add({.tokens_per_second = 10, .fault_seconds = 0.001}, with_probe).set_mode(of);
      }
      simulation.keep_asking("r", 200, [] { return std::int64_t{10}; });
      ASSERT_TRUE(simulation.run_until_all_answered(1000));
      EXPECT_EQ(simulation.inbox.successes(), 200);
      EXPECT_FALSE(simulation.inbox.doubled());
      EXPECT_NE(simulation.status("a").state, "up");
      EXPECT_LT(simulation.server(0).received(), 100);
    }
  }
}

TEST(FleetHealth, WhereAllRefuseEachRequestComesBack) {
  Simulation simulation(without_hedges());
  for (int i = 0; i < 6; ++i) simulation.add({.fault_seconds = 0.001}).set_mode(Mode::refusing);
  simulation.keep_asking("r", 50, [] { return std::int64_t{10}; });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(simulation.inbox["r-" + std::to_string(i)].failure, Failure::refused);
  }
}

// While a request waits to be judged the only judge goes.
TEST(FleetHealth, ARefusalThatNobodyCanJudgeAnyMoreStands) {
  FleetConfig config = without_hedges();
  config.start_in_flight = 1;
  config.most_in_flight = 1;
  Simulation simulation(config);
  simulation.add({.fault_seconds = 0.001}).set_mode(Mode::refusing);
  simulation.add({.tokens_per_second = 0.01});
  simulation.ask_many("r", 3);
  simulation.world.run_until(5);
  EXPECT_EQ(simulation.inbox.successes(), 0);
  simulation.server(1).die();
  simulation.server(1).set_mode(Mode::refusing_connections);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox.successes(), 0);
}

TEST(FleetHealth, OneThatTurnsToAnotherModelIsDownUntilItIsBack) {
  Simulation simulation(without_hedges());
  simulation.add({.tokens_per_second = 10}, true);
  simulation.add({.tokens_per_second = 10}, true);
  simulation.keep_asking("before", 40, [] { return std::int64_t{10}; });
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  simulation.server(0).set_mode(Mode::foreign);
  simulation.keep_asking("after", 200, [] { return std::int64_t{10}; });
  simulation.world.run_until(simulation.world.now_seconds() + 3);
  EXPECT_EQ(simulation.status("a").state, "down");
  simulation.server(0).set_mode(Mode::serving);
  simulation.world.run_until(simulation.world.now_seconds() + 60);
  simulation.keep_asking("back", 40, [] { return std::int64_t{40}; });
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  // Of one that has answered others the first two refusals in a row are taken for true.
  EXPECT_GE(simulation.inbox.successes(), 278);
  EXPECT_EQ(simulation.status("a").state, "up");
}

TEST(FleetHealth, AHopelessRequestIsSentOnceWhereTheEndpointIsGood) {
  Simulation simulation(without_hedges());
  simulation.add();
  simulation.add();
  simulation.keep_asking("before", 100, [] { return std::int64_t{10}; });
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  simulation.server(0).set_mode(Mode::refusing);
  simulation.server(1).set_mode(Mode::refusing);
  const std::int64_t before = simulation.server(0).received() + simulation.server(1).received();
  simulation.ask("bad");
  ASSERT_TRUE(simulation.run_until_all_answered(1));
  EXPECT_EQ(simulation.server(0).received() + simulation.server(1).received(), before + 1);
  EXPECT_EQ(simulation.inbox["bad"].failure, Failure::refused);
}

}  // namespace
}  // namespace tpt::augment
