// One run in its folder: steps, records, states, checkpoints, and what to do about a step that was
// left out.
#pragma once

#include "base/progress.h"
#include "pack/shard_reader.h"
#include "train/background.h"
#include "train/held_out.h"
#include "train/learner.h"
#include "train/ranks.h"
#include "train/run_records.h"
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
  // Starts afresh, or goes on from the newest whole state in `folder`. Of many processes the first
  // alone reads and writes there; all do the same steps and come to the same decisions.
  Trainer(const Config& config, const model::Config& model_config,
          const std::filesystem::path& shards, const std::filesystem::path& folder,
          Progress& progress, Ranks& ranks);

  Result run(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;

  RunState& state() { return learner_.state(); }
  const RunState& state() const { return learner_.state(); }
  void find_budgets();
  bool is_place_to_go_back_to() const;
  void act_on_steps(std::size_t leave_open);
  void act_on(const DoneStep& step);
  void go_back(const DoneStep& step);
  void log_step(double gradient_norm);
  void compare_weights();
  void take_held_out_losses();
  bool is_state_due() const;
  bool note_reached_checkpoints();
  void restore_newest();
  void save_state();
  [[noreturn]] void interrupt();
  void report() const;
  Result result() const;

  Config config_;
  std::filesystem::path folder_;
  Progress& progress_;
  Ranks& ranks_;
  pack::ShardReader shards_;
  std::filesystem::path source_;  // what is kept of init_from; "" where there is none
  Learner learner_;
  std::vector<NamedHeldOut> held_out_;
  std::unique_ptr<RunRecords> records_;  // of the first process
  std::vector<std::int64_t> budgets_;    // rising; the last one is the end
  // When this part of the run and the last state began.
  Clock::time_point start_, saved_;
  std::int64_t tokens_before_ = 0;
  std::int64_t saved_steps_ = -1;  // of the state on disk, or on its way there
  std::optional<std::filesystem::path> due_checkpoint_;
  Background writer_;  // last: it uses the members above until its end
};

}  // namespace tpt::train
