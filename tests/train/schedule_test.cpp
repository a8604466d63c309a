#include "train/schedule.h"

#include "base/error.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <gtest/gtest.h>

namespace tpt::train {
namespace {

void expect_rates(const Config& config, const std::string& name, std::int64_t total,
                  std::int64_t decay_steps, const std::filesystem::path& folder) {
  const Json job = {
      {"schedule", name},           {"warmup_steps", config.warmup_steps},
      {"total_steps", total},       {"learning_rate", config.learning_rate},
      {"decay_steps", decay_steps}, {"final_share", config.final_learning_rate_share}};
  const Json theirs = ask_oracle("schedules", job, folder);
  ASSERT_EQ(theirs.size(), static_cast<std::size_t>(total));
  for (std::int64_t step = 0; step < total; ++step) {
    const double ours =
        learning_rate(config, static_cast<double>(step), static_cast<double>(total));
    EXPECT_NEAR(ours, theirs.at(static_cast<std::size_t>(step)).get<double>(),
                1e-9 * config.learning_rate)
        << name << " at step " << step;
  }
}

TEST(Schedule, GivesTheRatesOfTransformers) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  Config config;
  config.learning_rate = 2e-3;
  config.warmup_steps = 7;
  config.schedule = Schedule::constant;
  expect_rates(config, "constant", 40, 0, folder.path());
  config.schedule = Schedule::cosine;
  expect_rates(config, "cosine", 40, 0, folder.path());
  config.schedule = Schedule::wsd;
  config.decay_share = 0.25;
  config.final_learning_rate_share = 0.1;
  expect_rates(config, "wsd", 40, 10, folder.path());
}

TEST(Schedule, EndsAtItsShareAndStaysThere) {
  Config config;
  config.learning_rate = 1.0;
  config.warmup_steps = 0;
  for (const Schedule schedule : {Schedule::cosine, Schedule::wsd}) {
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
