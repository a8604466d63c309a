// Where a run stands, on disk: enough to go on bit for bit. A state is a folder state-<step> that
// is there whole or not at all; the newest one counts.
//
//   state.json             counts, place in the data, what decides the weights
//   config.json            the network, as Hugging Face has it
//   model.safetensors      its weights: the folder loads as a checkpoint does
//   optimizer.safetensors  its tensors, by name
//   digests.json           SHA-256 of each
#pragma once

#include "base/json.h"
#include "train/batches.h"
#include "train/metrics.h"
#include "train/train.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace tpt::train {

// What came of one step.
struct DoneStep {
  std::int64_t number = 0;  // from 1
  Place place;              // of its first row
  std::int64_t rows = 0;
  double learning_rate = 0;
  double loss = 0;           // mean nats a target
  double gradient_norm = 0;  // before clipping
  bool skipped = false;      // its update was left out
};
Json to_json(const DoneStep& step);
DoneStep step_from_json(const Json& json);

// All that is not a tensor.
struct RunState {
  Json recipe;             // what decides the weights: options, model, shards
  std::int64_t steps = 0;  // batches drawn
  std::int64_t tokens = 0;
  Place place;
  double seconds = 0;
  double flops = 0;
  double last_loss = 0;
  std::optional<DoneStep> open;  // the last step, where the run has not acted on its verdict yet
  std::int64_t skipped_in_a_row = 0;
  std::int64_t skipped_since_line = 0;  // -1 where the last line counted the open step too
  Tally tally;                          // since the last line of metrics.jsonl
  std::int64_t line_tokens = 0;         // at that line
  double line_flops = 0;
  std::int64_t metrics_bytes = 0;  // length of metrics.jsonl then
  std::int64_t events_bytes = 0;   // of the TensorBoard file
  // What the run had; with others of these the last bits may be others.
  std::int64_t threads = 0;  // of each process
  std::int64_t processes = 1;
  bool is_sharded = false;  // the optimizer
  std::vector<Checkpoint> checkpoints;
  bool finished = false;
};

Json to_json(const RunState& state);
// `folder` is the run's. Throws what the JSON library throws for a value that is missing.
RunState state_from_json(const Json& json, const std::filesystem::path& folder);

// A state's tensors: copies, so that training can go on while they are written.
struct StateTensors {
  model::NamedTensors weights;
  model::NamedTensors optimizer;
};

// Which states stay on disk.
struct Retention {
  std::int64_t newest = 2;       // so many
  std::int64_t every_steps = 0;  // and the newest two at multiples of this; 0: none
};

// The states of a run's folder, newest first.
std::vector<std::filesystem::path> states_of(const std::filesystem::path& folder);
std::optional<std::filesystem::path> newest_state(const std::filesystem::path& folder);
// The step in the name of a state's folder.
std::int64_t step_of_state(const std::filesystem::path& state_folder);

// Error(data) naming the file for a state that is damaged in any bit.
RunState read_state(const std::filesystem::path& state_folder);
// Copies a state's tensors into `tensors`, by name. Error(data) for one that is missing, unknown or
// of another shape. Call read_state() first: it checks the digests.
void read_tensors(const std::filesystem::path& state_folder, const StateTensors& tensors);

// Writes folder/state-<steps> durably, then removes those that `retention` lets go and what an
// interrupted write left.
void write_state(const std::filesystem::path& folder, const RunState& state,
                 const model::Config& network, const StateTensors& tensors,
                 const Retention& retention);

}  // namespace tpt::train
