#include "augment/fleet_simulation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace tpt::augment {
namespace {

using engine::Failure;

// Two servers with 200 known answers of a second each; from then on the requests called "stuck..."
// take an hour at the first that gets them.
class FleetHedge : public testing::Test {
 protected:
  void learn(double hedge_share) {
    simulation.config().hedge_share = hedge_share;
    for (int i = 0; i < 2; ++i) {
      ServerConfig config;
      config.length = [this](const engine::Request& request) -> std::int64_t {
        return request.key.starts_with("stuck") && sent_[request.key]++ == 0 ? 360000 : 100;
      };
      simulation.add(config);
    }
    simulation.keep_asking("known", 200, [] { return std::int64_t{20}; });
    ASSERT_TRUE(simulation.run_until_all_answered(100));
  }
  std::int64_t hedges() { return simulation.status("a").hedges + simulation.status("b").hedges; }
  std::int64_t wasted_generated() {
    return simulation.status("a").wasted_generated_tokens +
           simulation.status("b").wasted_generated_tokens;
  }

  Simulation simulation;

 private:
  std::map<std::string, int> sent_;
};

TEST_F(FleetHedge, TheSecondCopyOfAStragglerWins) {
  learn(0.02);
  const double start = simulation.world.now_seconds();
  simulation.ask("stuck");
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_LT(simulation.world.now_seconds() - start, 4);
  const engine::Response& response = simulation.inbox["stuck"];
  EXPECT_EQ(response.generated_tokens, 100);
  EXPECT_EQ(response.attempts, 2);
  EXPECT_EQ(response.wasted_prompt_tokens, 10) << "the other has read the prompt too";
  EXPECT_EQ(hedges(), 1);
  simulation.world.run_until(simulation.world.now_seconds() + 1);
  EXPECT_EQ(simulation.server(0).in_flight() + simulation.server(1).in_flight(), 0)
      << "the loser was cancelled";
  EXPECT_GT(wasted_generated(), 90) << "and what it had written is counted";
  EXPECT_FALSE(simulation.inbox.doubled());
}

TEST_F(FleetHedge, TheFirstCopyMayWinToo) {
  learn(0.02);
  // Late, but before a second copy could be done.
  for (int i = 0; i < 2; ++i) {
    simulation.server(i).config().length = [n = 0](const engine::Request&) mutable {
      return n++ == 0 ? 150 : 100;
    };
  }
  simulation.ask("late");
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox["late"].generated_tokens, 150);
  EXPECT_EQ(simulation.inbox["late"].attempts, 2);
  EXPECT_EQ(simulation.inbox["late"].wasted_prompt_tokens, 10);
  EXPECT_EQ(hedges(), 1);
  simulation.world.run_until(simulation.world.now_seconds() + 1);
  EXPECT_EQ(simulation.server(0).in_flight() + simulation.server(1).in_flight(), 0);
}

TEST_F(FleetHedge, WhereBothFailTheRequestIsTriedAgain) {
  learn(0.02);
  simulation.ask("stuck");
  ASSERT_TRUE(simulation.world.run_until([&] { return hedges() == 1; }, 10));
  simulation.server(0).die();
  simulation.server(1).die();
  simulation.world.run_until(simulation.world.now_seconds() + 0.5);
  EXPECT_FALSE(simulation.inbox.has("stuck"));
  simulation.server(0).set_mode(Mode::serving);
  simulation.server(1).set_mode(Mode::serving);
  ASSERT_TRUE(simulation.run_until_all_answered(100));
  EXPECT_EQ(simulation.inbox["stuck"].finish, Finish::stop);
  EXPECT_FALSE(simulation.inbox.doubled());
}

TEST_F(FleetHedge, WhereOneCopyFailsTheOtherGoesOn) {
  learn(0.02);
  simulation.ask("stuck");
  ASSERT_TRUE(simulation.world.run_until([&] { return hedges() == 1; }, 10));
  const std::size_t first =
      simulation.server(0).in_flight() > 0 && simulation.status("a").hedges == 0 ? 0 : 1;
  simulation.server(first).die();
  ASSERT_TRUE(simulation.run_until_all_answered(5));
  EXPECT_EQ(simulation.inbox["stuck"].attempts, 2) << "no third was sent";
}

TEST_F(FleetHedge, TheBudgetIsKept) {
  learn(0.02);
  const double start = simulation.world.now_seconds();
  for (int i = 0; i < 50; ++i) {
    simulation.ask(fmt::format("stuck-{}", i));
  }
  simulation.world.run_until(start + 200);
  // 250 requests in all.
  EXPECT_EQ(hedges(), 5);
  EXPECT_EQ(simulation.inbox.size(), 205);
  // Further requests earn further copies.
  simulation.keep_asking("more", 500, [&] { return simulation.inbox.size() < 0 ? 0 : 64; });
  simulation.world.run_until(simulation.world.now_seconds() + 20);
  EXPECT_GT(hedges(), 10);
  EXPECT_LE(static_cast<double>(hedges()), 0.02 * 750);
}

TEST_F(FleetHedge, NoneIsSentWhereTheShareIsZero) {
  learn(0);
  simulation.ask("stuck");
  simulation.world.run_until(simulation.world.now_seconds() + 1000);
  EXPECT_EQ(hedges(), 0);
  EXPECT_FALSE(simulation.inbox.has("stuck"));
}

TEST_F(FleetHedge, LongAnswersThatWereForetoldAreNoStragglers) {
  learn(0.02);
  for (int i = 0; i < 2; ++i) {
    simulation.server(i).config().length = [](const engine::Request& request) {
      return request.predicted_tokens;
    };
  }
  for (int i = 0; i < 20; ++i) {
    engine::Request request;
    request.predicted_tokens = 2000;
    simulation.ask(fmt::format("long-{}", i), request);
  }
  ASSERT_TRUE(simulation.run_until_all_answered(1000));
  EXPECT_EQ(hedges(), 0);
}

TEST_F(FleetHedge, OneEndpointAloneHasNothingToHedgeWith) {
  learn(0.02);
  simulation.fleet().set_members({simulation.member(0)});
  simulation.ask("stuck");
  simulation.world.run_until(simulation.world.now_seconds() + 100);
  EXPECT_EQ(hedges(), 0);
  // The straggler is hedged as soon as there is somewhere to.
  simulation.fleet().set_members(simulation.members());
  ASSERT_TRUE(simulation.run_until_all_answered(5));
  EXPECT_EQ(hedges(), 1);
}

}  // namespace
}  // namespace tpt::augment
