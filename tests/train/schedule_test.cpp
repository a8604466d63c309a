#include "train/schedule.h"

#include "base/error.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <gtest/gtest.h>

namespace tpt::train {
namespace {

constexpr std::int64_t kSteps = 40;

Json job_of(const Config& config, const std::string& name, std::int64_t decay_steps) {
  return {{"schedule", name},           {"warmup_steps", config.warmup_steps},
          {"total_steps", kSteps},      {"learning_rate", config.learning_rate},
          {"decay_steps", decay_steps}, {"final_share", config.final_learning_rate_share}};
}

void expect_rates(const Config& config, const Json& theirs, std::int64_t first_step) {
  ASSERT_EQ(theirs.size(), static_cast<std::size_t>(kSteps));
  for (std::int64_t step = first_step; step < kSteps; ++step) {
    const double ours =
        learning_rate(config, static_cast<double>(step), static_cast<double>(kSteps));
    EXPECT_NEAR(ours, theirs.at(static_cast<std::size_t>(step)).get<double>(),
                1e-9 * config.learning_rate)
        << "step " << step;
  }
}

TEST(Schedule, GivesTheRatesOfTransformers) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  Config constant;
  constant.learning_rate = 2e-3;
  constant.warmup_steps = 7;
  constant.schedule = Schedule::constant;
  Config cosine = constant;
  cosine.schedule = Schedule::cosine;
  Config linear = constant;
  linear.schedule = Schedule::linear;
  Config wsd = constant;
  wsd.schedule = Schedule::wsd;
  wsd.decay_share = 0.25;
  Config wsd_to_a_share = wsd;
  wsd_to_a_share.final_learning_rate_share = 0.1;
  const Json theirs = ask_oracle(
      "schedules",
      {job_of(constant, "constant", 0), job_of(cosine, "cosine", 0), job_of(wsd, "wsd", 10),
       job_of(wsd_to_a_share, "wsd", 10), job_of(linear, "linear", 0)},
      folder.path());
  ASSERT_EQ(theirs.size(), 5U);
  expect_rates(constant, theirs[0], 0);
  expect_rates(cosine, theirs[1], 0);
  expect_rates(wsd, theirs[2], 0);
  expect_rates(linear, theirs[4], 0);
  // Theirs begins its warm-up at the final share, ours at 0.
  expect_rates(wsd_to_a_share, theirs[3], wsd.warmup_steps);
}

TEST(Schedule, EndsAtItsShareAndStaysThere) {
  Config config;
  config.learning_rate = 1.0;
  config.warmup_steps = 0;
  for (const Schedule schedule : {Schedule::cosine, Schedule::linear, Schedule::wsd}) {
    config.schedule = schedule;
    config.final_learning_rate_share = 0.2;
    EXPECT_DOUBLE_EQ(learning_rate(config, 0, 100), 1.0);
    EXPECT_NEAR(learning_rate(config, 100, 100), 0.2, 1e-12);
    EXPECT_NEAR(learning_rate(config, 1000, 100), 0.2, 1e-12);
  }
}

TEST(Schedule, WarmUpLongerThanTheRunNeverReachesThePeak) {
  Config config;
  config.learning_rate = 1.0;
  config.warmup_steps = 9;
  EXPECT_DOUBLE_EQ(learning_rate(config, 4, 5), 0.5);
}

TEST(TrainConfig, RefusesWhatWouldBeIgnored) {
  const auto refused = [](auto change, const std::string& word) {
    Config config;
    change(config);
    try {
      check(config);
      ADD_FAILURE() << word << " was not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  };
  check(Config());
  refused([](Config& c) { c.decay_share = 0.1; }, "decay_share");
  refused(
      [](Config& c) {
        c.schedule = Schedule::constant;
        c.final_learning_rate_share = 0.1;
      },
      "final_learning_rate_share");
  refused([](Config& c) { c.train_tokens = c.epochs = 1; }, "both");
  refused(
      [](Config& c) {
        c.objective = Objective::answers;
        c.thinking_weight = 0.5;
      },
      "thinking_weight");
  refused(
      [](Config& c) {
        c.cross_document_attention = false;
        c.rows = pack::RowPolicy::pad;
      },
      "cross_document_attention");
  refused(
      [](Config& c) {
        c.train_tokens = 100;
        c.checkpoint_tokens = {50, 101};
      },
      "checkpoint_tokens");
  refused(
      [](Config& c) {
        c.weight_decay = 0.0;
        c.decay_norms_and_embeddings = true;
      },
      "decay_norms");
}

TEST(TrainConfig, RecipeLeavesOutHowARunIsWatched) {
  Config config;
  const Json before = recipe_of(config);
  config.threads = 7;
  config.log_every_steps = 3;
  config.state_every_seconds = 0.5;
  EXPECT_EQ(recipe_of(config), before);
  config.beta2 = 0.9;
  EXPECT_NE(recipe_of(config), before);
}

}  // namespace
}  // namespace tpt::train
