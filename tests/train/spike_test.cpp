// Steps that are left out: who decides, what is kept, and what the run does about them.
#include "base/error.h"
#include "train/replay.h"
#include "train/run_comparison.h"
#include "train/small_run.h"
#include "train/spike_guard.h"
#include "train/spike_record.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tpt::train {
namespace {

Ranks alone;  // this process

constexpr double kInfinity = std::numeric_limits<double>::infinity();

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

bool judged(SpikeGuard& guard, double loss, double norm) {
  return guard.judge(number(loss), number(norm).to(at::kFloat)).item<float>() != 0.0F;
}

TEST(SpikeGuard, NumbersThatAreNotFiniteAreAlwaysLeftOut) {
  SpikeGuard guard(Config(), at::empty({1}));
  for (const double bad : {kInfinity, -kInfinity, std::nan("")}) {
    EXPECT_TRUE(judged(guard, bad, 1.0));
    EXPECT_TRUE(judged(guard, 1.0, bad));
  }
  EXPECT_FALSE(judged(guard, 1e30, 1e30)) << "without sigmas nothing else is";
}

TEST(SpikeGuard, ComparesWithTheWindowOnceHalfOfItIsFull) {
  Config config;
  config.spike_sigmas = 6.0;
  config.spike_window = 8;
  SpikeGuard guard(config, at::empty({1}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(judged(guard, 2.0 + 0.01 * i, 1.0)) << i;
  }
  EXPECT_FALSE(judged(guard, 2.0, 1.01)) << "the fourth is compared with three: not yet half";
  EXPECT_TRUE(judged(guard, 3.0, 1.0)) << "the loss";
  EXPECT_TRUE(judged(guard, 2.0, 2.0)) << "the norm";
  EXPECT_FALSE(judged(guard, 0.1, 0.1)) << "less is no spike";
  // What was left out did not enter: many equal steps push the rest out of the ring.
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(judged(guard, 1.0 + 0.001 * (i % 2), 0.5 + 0.001 * (i % 2))) << i;
  }
  EXPECT_TRUE(judged(guard, 1.1, 0.5)) << "the window moved";
}

TEST(SpikeGuard, RestoredJudgesTheSame) {
  Config config;
  config.spike_sigmas = 1.0;
  config.spike_window = 5;
  SpikeGuard one(config, at::empty({1}));
  SpikeGuard other(config, at::empty({1}));
  Random random(2);
  int left_out = 0;
  for (int i = 0; i < 60; ++i) {
    const double loss = random.uniform(), norm = random.uniform();
    const bool bad = judged(one, loss, norm);
    left_out += bad ? 1 : 0;
    if (i >= 17) {
      EXPECT_EQ(judged(other, loss, norm), bad) << i;
    }
    if (i == 16) {
      for (std::size_t j = 0; j < one.tensors().size(); ++j) {
        other.tensors()[j].second.copy_(one.tensors()[j].second);
      }
    }
  }
  EXPECT_GT(left_out, 5);
  EXPECT_LT(left_out, 60) << "a window of what was let in sinks, and leaves out more";
}

// A run in which ordinary steps stand out.
Config jumpy_config() {
  Config config = small_config();
  config.train_tokens = 60 * 128;
  config.spike_sigmas = 1.5;
  config.spike_window = 12;
  config.state_every_seconds = 0.0;
  config.keep_states = 2;
  return config;
}

class Spikes : public testing::Test {
 protected:
  void SetUp() override { write_sum_shards(shards_, 100); }
  std::filesystem::path place(const std::string& name) const { return folder_.path() / name; }

  static std::vector<std::int64_t> kept_steps(const std::filesystem::path& run) {
    std::vector<std::int64_t> steps;
    if (std::filesystem::exists(run / "spikes")) {
      for (const auto& entry : std::filesystem::directory_iterator(run / "spikes")) {
        steps.push_back(std::stoll(entry.path().filename().string().substr(5)));
      }
    }
    std::sort(steps.begin(), steps.end());
    return steps;
  }

  TemporaryFolder folder_;
  std::filesystem::path shards_ = folder_.path() / "shards";
};

TEST_F(Spikes, TheBatchIsKeptWithItsDocumentsAndReplayedBitForBit) {
  const Result result = run_quietly(jumpy_config(), shards_, place("run"));
  EXPECT_EQ(result.steps, 60);
  const std::vector<std::int64_t> steps = kept_steps(place("run"));
  ASSERT_GE(steps.size(), 2U) << "the run has no spikes";
  const pack::ShardReader reader(shards_);
  for (const std::int64_t step : steps) {
    const Replay replay = replay_step(place("run"), shards_, step, alone);
    ASSERT_TRUE(replay.recorded.has_value());
    EXPECT_TRUE(same_outcome(replay.step, *replay.recorded)) << "step " << step;
    EXPECT_TRUE(replay.step.skipped);
    EXPECT_EQ(replay.from_step, step - 1);
    const Json kept = parse_json(storage::read_file(place("run") / "spikes" /
                                                    ("step-" + std::to_string(step)) / "step.json"),
                                 "step.json");
    EXPECT_EQ(kept.at("batch"), replay.batch);
    ASSERT_EQ(replay.batch.size(), 4U);
    for (const Json& row : replay.batch) {
      std::int64_t tokens = 0;
      for (const Json& piece : row.at("pieces")) {
        EXPECT_EQ(piece.at("document"), reader.name(piece.at("sequence").get<std::int64_t>()));
        EXPECT_TRUE(piece.at("document").get<std::string>().starts_with("sum-"));
        tokens += piece.at("tokens").get<std::int64_t>();
      }
      EXPECT_EQ(tokens, 33);
    }
  }
  EXPECT_EQ(newest_state(place("run")).value().filename(), "state-60") << "the run is untouched";
}

TEST_F(Spikes, AnotherStepOrOtherShardsAreRefusedInWords) {
  run_quietly(jumpy_config(), shards_, place("run"));
  const auto word = [&](const std::filesystem::path& shards, std::int64_t step) {
    try {
      replay_step(place("run"), shards, step, alone);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(word(shards_, 1).find("no state before step 1"), std::string::npos);
  EXPECT_NE(word(shards_, 61).find("ends at step 60"), std::string::npos);
  write_sum_shards(place("others"), 100, 7);
  EXPECT_NE(word(place("others"), 60).find("shards"), std::string::npos);
  EXPECT_EQ(word(shards_, 60), "");
}

TEST_F(Spikes, StopEndsTheRunAndSkipGoesOnFromThere) {
  Config config = jumpy_config();
  config.on_spike = OnSpike::stop;
  std::string words;
  try {
    run_quietly(config, shards_, place("stopped"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    words = error.what();
  }
  EXPECT_NE(words.find("replay-step"), std::string::npos) << words;
  EXPECT_EQ(kept_steps(place("stopped")).size(), 1U);
  config.on_spike = OnSpike::skip;
  const Result gone_on = run_quietly(config, shards_, place("stopped"));
  const Result skipped = run_quietly(config, shards_, place("skipped"));
  EXPECT_EQ(weights_of(gone_on), weights_of(skipped));
}

// Going back gives other weights than skipping, and the same ones however the run was cut.
TEST_F(Spikes, RollbackGoesBackToTheSameStateWheneverTheRunIsCut) {
  Config config = jumpy_config();
  config.on_spike = OnSpike::rollback;
  config.state_every_steps = 7;
  config.keep_states = 1;
  const Result whole = run_quietly(config, shards_, place("whole"));
  ASSERT_GE(kept_steps(place("whole")).size(), 2U);
  Config skipping = jumpy_config();
  EXPECT_NE(weights_of(whole), weights_of(run_quietly(skipping, shards_, place("skipping"))));
  for (double tokens = 128; tokens < 60 * 128; tokens += 128) {
    stop_at(config, shards_, place("parts"), tokens);
  }
  run_quietly(config, shards_, place("parts"));
  const RunComparison compared = compare_runs(place("whole"), place("parts"), shards_);
  EXPECT_TRUE(compared.same()) << compared.first_difference;
  EXPECT_EQ(compared.lines, 60);
}

// A state at a step that was left out holds the weights that the run went back to: else a spike
// right behind it would bring back those that were given up.
TEST_F(Spikes, ASpikeBehindARollbackDoesNotUndoIt) {
  Config config = jumpy_config();
  config.on_spike = OnSpike::rollback;
  config.state_every_steps = 2;
  config.keep_states = 100;
  run_quietly(config, shards_, place("run"));
  const auto weights = [&](std::int64_t step) {
    return storage::read_file(place("run") / ("state-" + std::to_string(step)) /
                              "model.safetensors");
  };
  int seen = 0;
  for (const std::int64_t step : kept_steps(place("run"))) {
    if (step % 2 == 0) {
      EXPECT_TRUE(weights(step) == weights(step - 2)) << "step " << step;
      ++seen;
    }
  }
  EXPECT_GE(seen, 2) << "the run has no spikes at its states";
}

// A line has no loss of a step that was left out, and counts it.
TEST_F(Spikes, LinesCountTheStepsThatWereLeftOutAndShowNoLossOfThem) {
  for (const OnSpike on_spike : {OnSpike::skip, OnSpike::rollback}) {
    Config config = jumpy_config();
    config.on_spike = on_spike;
    config.state_every_steps = 7;
    const auto run = place(on_spike == OnSpike::skip ? "skip" : "rollback");
    run_quietly(config, shards_, run);
    std::vector<std::int64_t> steps;
    for (const Json& line : lines_of(run)) {
      EXPECT_EQ(line.contains("loss"), line.at("skipped") == 0) << dump_json(line);
      EXPECT_EQ(line.contains("loss"), line.contains("loss_document")) << dump_json(line);
      if (line.at("skipped") == 1) {
        steps.push_back(line.at("step").get<std::int64_t>());
      }
    }
    EXPECT_EQ(steps, kept_steps(run));
    EXPECT_GE(steps.size(), 2U);
  }
}

TEST_F(Spikes, RollbackNeedsStatesAtSteps) {
  Config config = jumpy_config();
  config.on_spike = OnSpike::rollback;
  EXPECT_THROW(run_quietly(config, shards_, place("run")), Error);
}

}  // namespace
}  // namespace tpt::train
