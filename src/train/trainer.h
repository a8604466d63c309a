// One run: its network, optimizer, place in the data and records, and the step that moves them on.
#pragma once

#include "base/progress.h"
#include "model/transformer.h"
#include "pack/shard_reader.h"
#include "train/adamw.h"
#include "train/background.h"
#include "train/batches.h"
#include "train/metrics.h"
#include "train/state.h"
#include "train/train.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace tpt::train {

class Trainer {
 public:
  // Starts afresh, or goes on from the newest whole state in `folder`.
  Trainer(const Config& config, const model::Config& model_config,
          const std::filesystem::path& shards, const std::filesystem::path& folder,
          Progress& progress);

  Result run(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;

  void plan();
  void restore();
  void step();
  double position_in_schedule() const;
  bool at_end() const;
  void apply_gradients(const Tally& tally);
  void log_step();
  bool is_state_due() const;
  void save_reached_checkpoints();
  void save_state();
  double seconds() const;
  void report() const;
  Result result() const;

  Config config_;
  std::filesystem::path folder_;
  Progress& progress_;
  pack::ShardReader shards_;
  model::Transformer network_;
  AdamW optimizer_;
  RunState state_;
  std::unique_ptr<RowStream> rows_;
  std::unique_ptr<MetricsFile> metrics_;
  std::vector<std::int64_t> budgets_;  // rising; the last one is the end
  double total_steps_ = 0;             // of the schedule
  double targets_a_step_ = 0;          // on average
  // Of the present step, for the records.
  double gradient_norm_ = 0;
  double learning_rate_ = 0;
  // When this part of the run, the present line and the last state began.
  Clock::time_point start_, line_start_, saved_;
  double seconds_before_ = 0;
  std::int64_t tokens_before_ = 0, line_tokens_ = 0;
  std::int64_t saved_steps_ = -1;  // of the state on disk, or on its way there
  std::optional<std::filesystem::path> due_checkpoint_;
  Background writer_;  // last: it uses the members above until its end
};

}  // namespace tpt::train
