// The fixture of tests in which this program trains as several processes.
#pragma once

#include "base/error.h"
#include "train/processes.h"
#include "train/small_run.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tpt::train {

inline Json options_of(Config config) {
  Fields fields("train");
  describe(fields, config);
  return fields.to_json();
}

class RanksSlow : public testing::Test {
 protected:
  void SetUp() override {
    write_sum_shards(shards_, 100);
    write_sum_shards(held_out_, 40, 9);
    write_example_shards(examples_, 60);
  }
  std::filesystem::path place(const std::string& name) const { return folder_.path() / name; }

  Json task_of(const Config& config, const std::string& run_name) const {
    const bool is_tuning = config.objective == Objective::answers;
    return {{"do", "train"},
            {"options", options_of(config)},
            {"shards", (is_tuning ? examples_ : shards_).string()},
            {"folder", place(run_name).string()}};
  }
  // Runs to the end.
  void run_by(std::int64_t count, const Config& config, const std::string& run_name) {
    Processes processes(place(run_name + "-processes"), count, task_of(config, run_name));
    const std::vector<int> statuses = processes.wait();
    for (std::size_t rank = 0; rank < statuses.size(); ++rank) {
      EXPECT_EQ(statuses[rank], 0) << "process " << rank << ": " << processes.words(rank);
    }
  }
  void run_alone(const Config& config, const std::string& run_name) {
    run_quietly(config, config.objective == Objective::answers ? examples_ : shards_,
                place(run_name));
  }

  TemporaryFolder folder_;
  std::filesystem::path shards_ = folder_.path() / "shards";
  std::filesystem::path held_out_ = folder_.path() / "held-out";
  std::filesystem::path examples_ = folder_.path() / "examples";
};

// All numbers of all lines but those of time, to 1e-5 of their size; counts to the last one.
inline void expect_same_lines(const std::filesystem::path& one,
                              const std::filesystem::path& other) {
  const std::vector<Json> lines = lines_of(one), others = lines_of(other);
  ASSERT_EQ(lines.size(), others.size());
  ASSERT_FALSE(lines.empty());
  double largest = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const auto& [key, value] : lines[i].items()) {
      if (key == "seconds" || key.ends_with("_per_second") || key == "gemm_share") {
        continue;
      }
      ASSERT_TRUE(others[i].contains(key)) << key;
      if (value.is_number_float()) {
        const double expected = value.get<double>(), got = others[i].at(key).get<double>();
        const double difference = std::abs(got - expected) / std::max(1e-3, std::abs(expected));
        EXPECT_LT(difference, 1e-5) << key << " of line " << i << ": " << expected << ", " << got;
        largest = std::max(largest, difference);
      } else {
        EXPECT_EQ(value, others[i].at(key)) << key << " of line " << i;
      }
    }
  }
  testing::Test::RecordProperty("largest_difference", std::to_string(largest));
  std::printf("largest difference %.2g over %zu lines\n", largest, lines.size());
}

inline Config many_config() {
  Config config = small_config();
  config.train_tokens = 25 * 8 * 32;
  config.batch_rows = 8;
  config.bucket_mib = 0.02;  // several for a small model
  config.compare_weights_every_steps = 5;
  return config;
}

inline Config resumed_config() {
  Config config = many_config();
  config.optimizer = OptimizerKind::muon;
  config.ema_decay = 0.9;
  config.shard_optimizer = true;
  config.spike_sigmas = 3.0;
  config.state_every_steps = 4;
  return config;
}

}  // namespace tpt::train
