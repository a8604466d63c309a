// Whatever happens, every request is answered once: random faults in virtual time, and threads that
// get in each other's way.
#include "augment/fleet_simulation.h"
#include "base/random.h"
#include "engine/fake_engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

namespace tpt::augment {
namespace {

using engine::Failure;

constexpr double kStormSeconds = 120;

// One random life of a fleet; everything about it comes from `seed`.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed), simulation_(config(seed)) {
    const auto servers = 1 + random_.below(5);
    for (std::uint64_t i = 0; i < servers; ++i) {
      ServerConfig server;
      server.slots = static_cast<std::int64_t>(1 + random_.below(20));
      server.tokens_per_second = 20 + 200 * random_.uniform();
      server.most_accepted = static_cast<std::int64_t>(4 + random_.below(60));
      server.retry_after_seconds = random_.below(2) == 0 ? -1 : 5 * random_.uniform();
      server.fault_seconds = random_.below(3) == 0 ? 0 : random_.uniform();
      server.hang_seconds = 60 * random_.uniform();
      server.heeds_cancel = random_.below(4) != 0;
      server.length = [](const engine::Request& request) {
        return static_cast<std::int64_t>(derive_seed(1, request.key, "length") % 400);
      };
      simulation_.add(server, random_.below(2) == 0);
    }
    simulation_.fleet();
    plan_faults();
    plan_roster();
    plan_requests();
  }

  void run() {
    simulation_.world.at(kStormSeconds, [this] {
      for (std::size_t i = 0; i < servers(); ++i) {
        simulation_.server(i).set_mode(Mode::serving);
      }
      simulation_.fleet().set_members(simulation_.members());
    });
    simulation_.world.run_until(kStormSeconds);
    ASSERT_TRUE(simulation_.run_until_all_answered(4000)) << simulation_.inbox.size();
    // Losers that do not heed their cancellation come back later.
    simulation_.world.run_until(simulation_.world.now_seconds() + 2000);
    check();
  }

 private:
  static FleetConfig config(std::uint64_t seed) {
    Random random(derive_seed(seed, "", "config"));
    FleetConfig config;
    config.seed = seed;
    config.start_in_flight = static_cast<std::int64_t>(1 + random.below(20));
    config.most_in_flight = 40;
    config.failures_until_down = static_cast<std::int64_t>(1 + random.below(5));
    config.request_attempts = static_cast<std::int64_t>(1 + random.below(5));
    config.request_moves = static_cast<std::int64_t>(1 + random.below(20));
    config.hedge_share = random.below(2) == 0 ? 0.02 : 0.3;
    config.hedge_quantile = 0.5 + 0.49 * random.uniform();
    config.deadline_seconds = random.below(3) == 0 ? 30 : 0;
    config.health_check_seconds = random.below(2) == 0 ? 0 : 5;
    config.patience_seconds = random.below(3) == 0 ? 20 : 300;
    return config;
  }

  std::size_t servers() { return simulation_.fleet().endpoints().size(); }

  void plan_faults() {
    const std::size_t count = servers();
    const auto faults = random_.below(40);
    for (std::uint64_t i = 0; i < faults; ++i) {
      Server& server = simulation_.server(random_.below(count));
      const double seconds = kStormSeconds * random_.uniform();
      switch (random_.below(4)) {
        case 0:
          simulation_.world.at(seconds, [&server] { server.die(); });
          break;
        case 1:
          simulation_.world.at(seconds, [&server] { server.die(true); });
          break;
        default: {
          // Not `unauthorized`: that is meant to be for good.
          const auto mode = static_cast<Mode>(random_.below(7));
          simulation_.world.at(seconds, [&server, mode] { server.set_mode(mode); });
        }
      }
      simulation_.world.at(seconds + 20 * random_.uniform(),
                           [&server] { server.set_mode(Mode::serving); });
    }
  }

  void plan_roster() {
    const auto changes = random_.below(6);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::uint64_t chosen = random_.next();
      simulation_.world.at(kStormSeconds * random_.uniform(), [this, chosen] {
        std::vector<MemberSpec> members;
        for (MemberSpec& member : simulation_.members()) {
          if ((chosen >> members.size() & 1U) == 0) {
            members.push_back(std::move(member));
          }
        }
        simulation_.fleet().set_members(std::move(members));
      });
    }
  }

  void plan_requests() {
    const auto requests = 50 + random_.below(300);
    for (std::uint64_t i = 0; i < requests; ++i) {
      const double seconds = kStormSeconds * random_.uniform() * random_.uniform();
      const bool cancels = random_.below(10) == 0;
      const double cancelled = seconds + 10 * random_.uniform();
      simulation_.world.at(seconds, [this, i, cancels, cancelled] {
        engine::Request request;
        if (cancels) {
          stops_.emplace_back();
          request.cancel = stops_.back().get_token();
          simulation_.world.at(cancelled,
                               [stop = stops_.back()]() mutable { stop.request_stop(); });
        }
        simulation_.ask(fmt::format("r-{}", i), request);
      });
    }
  }

  void check() {
    EXPECT_FALSE(simulation_.inbox.doubled());
    std::int64_t answers = 0;
    std::int64_t sent = 0;
    std::int64_t used_tokens = 0;
    for (const EndpointStatus& status : simulation_.fleet().endpoints()) {
      answers += status.answers;
      sent += status.requests;
      used_tokens += status.generated_tokens - status.wasted_generated_tokens;
      EXPECT_EQ(status.in_flight, hanging(status.name)) << status.name;
      EXPECT_GE(status.limit, status.state == "down" ? 0 : 1);
    }
    EXPECT_EQ(answers, simulation_.inbox.successes());
    std::int64_t attempts = 0;
    std::int64_t tokens = 0;
    for (const auto& [key, response] : simulation_.inbox.all()) {
      attempts += response.attempts;
      tokens += response.finish != Finish::error ? response.generated_tokens : 0;
      if (response.finish == Finish::error) {
        EXPECT_NE(response.failure, Failure::none) << key;
        EXPECT_FALSE(response.error.empty()) << key;
      }
    }
    EXPECT_EQ(sent, attempts);
    EXPECT_EQ(used_tokens, tokens);
  }

  // What a server that hung never gives back.
  std::int64_t hanging(const std::string& name) {
    return simulation_.server(static_cast<std::size_t>(name[0] - 'a')).in_flight();
  }

  Random random_;
  Simulation simulation_;
  std::vector<std::stop_source> stops_;
};

TEST(FleetChaosSlow, EveryRequestIsAnsweredOnceWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Life(seed).run();
    if (HasFailure()) {
      return;
    }
  }
}

// Real threads: members that fail and are slow, callers that submit and cancel, members that come
// and go, and somebody who looks.
TEST(FleetThreads, NothingIsLostOrDoubled) {
  constexpr int kCallers = 4;
  constexpr int kRequests = 400;
  FleetConfig config;
  config.retry_seconds = 0.001;
  config.probe_seconds = 0.01;
  config.request_attempts = 1000;
  config.hedge_share = 0.2;
  config.hedge_quantile = 0.5;
  std::vector<MemberSpec> members;
  for (int i = 0; i < 6; ++i) {
    MemberSpec spec;
    spec.name = fmt::format("fake-{}", i);
    spec.engine = std::make_shared<engine::FakeEngine>(
        engine::FakeConfig{.threads = 2,
                           .delay = std::chrono::milliseconds(i % 3),
                           .failure_share = 0.3,
                           .failures_of_a_key = i == 0 ? 1000 : 1});
    if (i % 2 == 0) {
      spec.probe = [](const std::function<void(Pulse, std::string)>& tell) {
        tell(Pulse::alive, "");
      };
    }
    members.push_back(std::move(spec));
  }
  std::vector<std::atomic<int>> answers(kCallers * kRequests);
  std::latch all(kCallers * kRequests);
  std::atomic<std::int64_t> told = 0;
  {
    Fleet fleet(config, members, [&](const FleetEvent&) { ++told; });
    std::atomic<bool> over = false;
    std::jthread roster([&] {
      for (unsigned i = 1; !over; ++i) {
        std::vector<MemberSpec> some;
        for (std::size_t m = 0; m < members.size(); ++m) {
          if (m == 0 || (i >> m & 1U) == 0) {
            some.push_back(members[m]);
          }
        }
        fleet.set_members(some);
        EXPECT_GE(fleet.capacity(), 1);
        EXPECT_LE(fleet.endpoints().size(), members.size());
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
    std::vector<std::jthread> callers;
    for (int c = 0; c < kCallers; ++c) {
      callers.emplace_back([&, c] {
        for (int r = 0; r < kRequests; ++r) {
          std::stop_source stop;
          engine::Request request;
          request.key = fmt::format("{}-{}", c, r);
          request.prompt = "prompt";
          request.keep_going = [](std::string_view) { return true; };
          request.cancel = stop.get_token();
          fleet.submit(request, [&, place = c * kRequests + r](engine::Response) {
            ++answers[static_cast<std::size_t>(place)];
            all.count_down();
          });
          if (r % 7 == 0) {
            stop.request_stop();
          }
        }
      });
    }
    all.wait();
    over = true;
  }
  for (const auto& count : answers) {
    EXPECT_EQ(count, 1);
  }
}

TEST(FleetThreads, EndsInTheMidstOfItsWork) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<bool> alive = true;
    std::atomic<std::int64_t> answered = 0;
    {
      std::vector<MemberSpec> members;
      for (int i = 0; i < 3; ++i) {
        MemberSpec spec;
        spec.name = fmt::format("fake-{}", i);
        spec.engine = std::make_shared<engine::FakeEngine>(
            engine::FakeConfig{.threads = 2, .delay = std::chrono::milliseconds(1)});
        members.push_back(std::move(spec));
      }
      Fleet fleet({}, std::move(members));
      for (int i = 0; i < 500; ++i) {
        engine::Request request;
        request.key = std::to_string(i);
        fleet.submit(request, [&](engine::Response) {
          EXPECT_TRUE(alive);
          ++answered;
        });
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(round % 5));
    }
    alive = false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(FleetThreads, TheClockKeepsTime) {
  SteadyClock clock;
  std::latch twice(2);
  const double start = clock.now_seconds();
  std::atomic<int> calls = 0;
  clock.start([&] {
    if (++calls <= 2) {
      twice.count_down();
    }
    return calls == 1 ? clock.now_seconds() + 0.02 : kNever;
  });
  clock.wake_at(start + 10);
  clock.wake_at(start + 0.03);
  twice.wait();
  const double took = clock.now_seconds() - start;
  EXPECT_GE(took, 0.05 - 1e-3);
  EXPECT_LT(took, 5);
  clock.stop();
  EXPECT_GE(calls, 2);
}

}  // namespace
}  // namespace tpt::augment
