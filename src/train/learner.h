// The network, its optimizer and the place in the data, and the step that moves them on. It writes
// nothing: a run, the replay of a step and a comparison all go through the same steps. Of many
// processes each has one, with the same weights and the same place in the data, and reads its share
// of each step's rows; all of them make every call but the plain readers.
#pragma once

#include "model/transformer.h"
#include "pack/shard_reader.h"
#include "train/batches.h"
#include "train/gradient_sum.h"
#include "train/lanes.h"
#include "train/objective.h"
#include "train/optimizer.h"
#include "train/ranks.h"
#include "train/spike_guard.h"
#include "train/state.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace tpt::train {

class Learner {
 public:
  // At the start of a run. Keeps references to `shards` and `ranks`. Error(user) for a vocabulary
  // or an objective that does not fit the shards, for a number of processes that a step's rows do
  // not divide among, or for processes that were given other options.
  Learner(const Config& config, model::Transformer network, const pack::ShardReader& shards,
          Ranks& ranks);

  // Goes on from a state of the same run, by however many processes; process 0 alone reads it.
  // Error(user) naming the first option that differs.
  void restore(const std::filesystem::path& state_folder);
  // Weights and optimizer of a state alone: data and counts stay where they are.
  void restore_weights(const std::filesystem::path& state_folder);

  // One optimizer step. What came of it stays on the device: the host waits for nothing.
  void step();
  // The steps whose verdict was not taken yet, in order, without the last `leave_open` of them;
  // waits for the device.
  std::vector<DoneStep> take_done(std::size_t leave_open);
  // The last step that is open, without taking it; waits for the device.
  std::optional<DoneStep> last_open() const;
  // The losses by kind since the last take_tally(), of steps that were not left out; both wait.
  Tally tally() const;
  Tally take_tally();
  bool at_end() const;

  // The run so far; what the device knows is brought there by whoever keeps the records.
  RunState& state() { return state_; }
  const RunState& state() const { return state_; }
  double learning_rate() const { return learning_rate_; }
  // Of the run's end, in target tokens.
  std::int64_t end_tokens() const { return end_tokens_; }

  const model::Transformer& network() const { return network_; }
  Optimizer& optimizer() { return optimizer_; }
  RowStream& rows() { return *rows_; }
  // Copies of what a state holds, on process 0; nothing on the others.
  StateTensors copies() const;

 private:
  // A step with its figures on the device, fp64 [3]: loss, norm, verdict.
  struct OpenStep {
    DoneStep step;
    at::Tensor figures;
  };

  // The batches that this process reads of a step, by pass and lane, and the counts of all of them.
  struct StepBatches {
    std::vector<std::vector<Batch>> own;
    std::vector<BatchCounts> all;
    double weight_sum = 0;  // over all
  };

  void plan();
  void check_processes();
  RunState read_on_first(const std::filesystem::path& state_folder) const;
  void restore_tensors(const std::filesystem::path& state_folder);
  StateTensors named(const Optimizer::Moments& moments) const;
  double position_in_schedule() const;
  StepBatches next_batches(OpenStep& open);
  std::vector<Batch> shares_of(const std::vector<Row>& pass) const;
  at::Tensor backward(const StepBatches& batches);
  // Judges a step and counts its losses; fp32 [], 1 where its update is to be left out.
  at::Tensor judge(const StepBatches& batches, const at::Tensor& nats, const at::Tensor& norm,
                   OpenStep& open);

  Config config_;
  const pack::ShardReader& shards_;
  Ranks& ranks_;
  model::Transformer network_;
  Optimizer optimizer_;
  GradientSum gradient_sum_;
  Lanes lanes_;
  SpikeGuard guard_;
  std::optional<RowStream> rows_;  // made anew at another place
  std::vector<std::uint16_t> token_bytes_;
  RunState state_;
  std::int64_t end_tokens_ = 0;
  double total_steps_ = 0;     // of the schedule
  double targets_a_step_ = 0;  // on average
  double learning_rate_ = 0;   // of the last step
  std::vector<OpenStep> open_;
  at::Tensor tally_;  // fp64 [3, kinds]: nats, targets, bytes
};

}  // namespace tpt::train
