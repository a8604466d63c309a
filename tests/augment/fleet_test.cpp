#include "augment/fleet.h"

#include "augment/fleet_flight.h"
#include "augment/fleet_simulation.h"
#include "base/error.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt::augment {
namespace {

using engine::Failure;
using testing::HasSubstr;

FleetConfig without_hedges() {
  FleetConfig config;
  config.hedge_share = 0;
  return config;
}

TEST(Fleet, AnswersEveryRequestOnceAndNamesTheEndpoint) {
  Simulation simulation;
  simulation.add();
  simulation.add();
  simulation.ask_many("r", 200);
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_FALSE(simulation.inbox.doubled());
  EXPECT_EQ(simulation.inbox.successes(), 200);
  for (const auto& [key, response] : simulation.inbox.all()) {
    EXPECT_TRUE(response.endpoint == "a" || response.endpoint == "b") << key;
    EXPECT_EQ(response.attempts, 1);
    EXPECT_EQ(response.generated_tokens, 100);
    EXPECT_EQ(response.wasted_generated_tokens, 0);
  }
  EXPECT_EQ(simulation.status("a").answers + simulation.status("b").answers, 200);
  // Equal servers share equally.
  EXPECT_NEAR(simulation.server(0).received(), 100, 15);
}

TEST(Fleet, SpeaksWithItsMembersVoice) {
  Simulation simulation;
  simulation.add();
  simulation.add();
  EXPECT_EQ(simulation.fleet().name(), "model-a");
  EXPECT_TRUE(simulation.fleet().deterministic());
  EXPECT_EQ(simulation.fleet().tokens().count("four"), 4);
  EXPECT_EQ(simulation.fleet().capacity(), 2 * FleetConfig().start_in_flight);
}

TEST(Fleet, RefusesAMixtureOfModelsUnlessAllowed) {
  Simulation simulation;
  simulation.add();
  simulation.add({.model = "model-b"});
  try {
    simulation.fleet();
    FAIL() << "a mixture was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), HasSubstr("a serves model-a and b serves model-b"));
  }
  simulation.config().allow_mixed_models = true;
  EXPECT_EQ(simulation.fleet().name(), "model-a");
  EXPECT_FALSE(simulation.fleet().deterministic());
}

TEST(Fleet, RefusesNoMembersAndTheSameTwice) {
  EXPECT_THROW(Fleet({}, {}), Error);
  Simulation simulation;
  simulation.add();
  auto twice = simulation.members();
  twice.push_back(twice.front());
  EXPECT_THROW(Fleet({}, twice), Error);
  EXPECT_THROW(simulation.fleet().set_members(twice), Error);
  simulation.ask("still there");
  EXPECT_TRUE(simulation.run_until_all_answered(100));
}

TEST(Fleet, RefusesSettingsThatContradictEachOther) {
  FleetConfig config;
  config.probe_seconds = 20;
  EXPECT_THROW(check(config), Error);
  config = {};
  config.retry_seconds = 31;
  EXPECT_THROW(check(config), Error);
  EXPECT_NO_THROW(check({}));
}

TEST(Fleet, ReturnsHopelessRequestsAtOnce) {
  Simulation simulation;
  simulation.add().set_mode(Mode::refusing);
  simulation.ask("r");
  ASSERT_TRUE(simulation.run_until_all_answered(1));
  EXPECT_EQ(simulation.inbox["r"].failure, Failure::refused);
  EXPECT_THAT(simulation.inbox["r"].error, HasSubstr("a: 404"));
  EXPECT_EQ(simulation.server(0).received(), 1);
}

TEST(Fleet, CountsBrokenAnswersAgainstTheRequest) {
  FleetConfig config = without_hedges();
  config.request_attempts = 3;
  config.failures_until_down = 100;
  Simulation simulation(config);
  simulation.add().set_mode(Mode::broken);
  simulation.ask("r");
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox["r"].failure, Failure::broken);
  EXPECT_EQ(simulation.inbox["r"].attempts, 3);
  EXPECT_THAT(simulation.inbox["r"].error, HasSubstr("500"));
  EXPECT_EQ(simulation.server(0).received(), 3);
}

TEST(Fleet, BacksOffWithFullJitterFromTheSeed) {
  const auto arrivals = [](std::uint64_t seed) {
    FleetConfig config = without_hedges();
    config.request_attempts = 8;
    config.failures_until_down = 100;
    config.seed = seed;
    Simulation simulation(config);
    simulation.add().set_mode(Mode::broken);
    simulation.ask("r");
    simulation.run_until_all_answered(1000);
    return simulation.server(0).arrivals();
  };
  const std::vector<double> first = arrivals(1);
  ASSERT_EQ(first.size(), 8U);
  double longest = 0.5;
  for (std::size_t i = 1; i < first.size(); ++i, longest *= 2) {
    EXPECT_LE(first[i] - first[i - 1], std::min(longest, 30.0) + 0.02) << i;
  }
  EXPECT_GT(first.back(), 1) << "it has not waited at all";
  EXPECT_EQ(first, arrivals(1));
  EXPECT_NE(first, arrivals(2));
}

TEST(Fleet, AWaitingRetryHoldsNoPlace) {
  FleetConfig config = without_hedges();
  config.start_in_flight = 1;
  config.most_in_flight = 1;
  config.retry_seconds = 20;
  config.failures_until_down = 100;
  Simulation simulation(config);
  simulation.add({.tokens_per_second = 1000});
  bool failed = false;
  simulation.server(0).config().length = [&](const engine::Request& request) {
    return request.key == "unlucky" ? 1 : 100;
  };
  simulation.server(0).set_mode(Mode::broken);
  simulation.ask("unlucky");
  simulation.world.run_until(0.015);
  failed = simulation.server(0).in_flight() == 0;
  EXPECT_TRUE(failed);
  simulation.server(0).set_mode(Mode::serving);
  simulation.ask_many("lucky", 5);
  simulation.world.run_until(0.6);
  EXPECT_EQ(simulation.inbox.successes(), 5) << "others wait while a retry does";
  EXPECT_TRUE(simulation.run_until_all_answered(60));
  EXPECT_EQ(simulation.inbox["unlucky"].attempts, 2);
}

TEST(Fleet, RetriesPreferAnotherEndpoint) {
  Simulation simulation(without_hedges());
  simulation.add().set_mode(Mode::broken);
  simulation.add();
  simulation.ask_many("r", 60);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox.successes(), 60);
  for (const auto& [key, response] : simulation.inbox.all()) {
    EXPECT_EQ(response.endpoint, "b");
    EXPECT_LE(response.attempts, 2) << key;
  }
}

TEST(Fleet, KeepsTheLongestTextOfFailedAttempts) {
  FleetConfig config = without_hedges();
  config.deadline_seconds = 10;
  Simulation simulation(config);
  simulation.add({.tokens_per_second = 7, .tokens = 1000});
  simulation.ask("slow");
  ASSERT_TRUE(simulation.run_until_all_answered(20));
  const engine::Response& response = simulation.inbox["slow"];
  EXPECT_NEAR(simulation.world.now_seconds(), 10, 0.1);
  EXPECT_EQ(response.failure, Failure::timed_out);
  EXPECT_EQ(response.finish, Finish::error);
  EXPECT_EQ(response.text.size(), 70U);
  EXPECT_EQ(response.generated_tokens, 70);
  EXPECT_THAT(response.error, HasSubstr("deadline"));
}

TEST(Fleet, ADeadlineEndsARequestWhoseEndpointDoesNotLetGo) {
  FleetConfig config = without_hedges();
  config.deadline_seconds = 10;
  Simulation simulation(config);
  simulation.add({.heeds_cancel = false}).set_mode(Mode::hanging);
  simulation.ask("lost");
  ASSERT_TRUE(simulation.run_until_all_answered(30));
  EXPECT_EQ(simulation.inbox["lost"].failure, Failure::timed_out);
  EXPECT_NEAR(simulation.world.now_seconds(), 15, 0.1);
}

TEST(Fleet, CancelledRequestsComeBackOnceWithTheirText) {
  FleetConfig config = without_hedges();
  config.start_in_flight = 1;
  config.most_in_flight = 1;
  Simulation simulation(config);
  simulation.add({.tokens_per_second = 10});
  std::stop_source stop;
  for (const char* key : {"running", "waiting"}) {
    engine::Request request;
    request.cancel = stop.get_token();
    simulation.ask(key, request);
  }
  simulation.world.run_until(2);
  stop.request_stop();
  EXPECT_EQ(simulation.inbox["waiting"].failure, Failure::cancelled) << "it need not wait";
  simulation.world.run_until(2.1);
  EXPECT_EQ(simulation.inbox["running"].failure, Failure::cancelled);
  EXPECT_EQ(simulation.inbox["running"].text.size(), 20U);
  EXPECT_EQ(simulation.server(0).received(), 1);
  // One that was cancelled before it came.
  engine::Request request;
  request.cancel = stop.get_token();
  simulation.ask("late", request);
  EXPECT_EQ(simulation.inbox["late"].failure, Failure::cancelled);
  EXPECT_FALSE(simulation.inbox.doubled());
}

TEST(Fleet, DropsWhatIsInFlightWhenItEnds) {
  Simulation simulation;
  simulation.add();
  simulation.ask_many("r", 100);
  simulation.world.run_until(0.5);
  simulation.end();
  simulation.world.run_until(1000);
  EXPECT_EQ(simulation.inbox.size(), 0);
  EXPECT_EQ(simulation.server(0).cancelled(), 32);
}

TEST(Fleet, OneTextAtATimeIsListenedTo) {
  Watch watch([](std::string_view text) { return text != "stop"; });
  EXPECT_FALSE(watch.ask(0, "stop"));
  EXPECT_TRUE(watch.ask(1, "stop")) << "not its turn";
  watch.listen_to(1);
  EXPECT_TRUE(watch.ask(0, "stop"));
  EXPECT_FALSE(watch.ask(1, "stop"));
  watch.close();
  EXPECT_TRUE(watch.ask(1, "stop"));
}

}  // namespace
}  // namespace tpt::augment
