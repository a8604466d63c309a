// Where a run stands, on disk: enough to go on bit for bit. A state is a folder state-<step> that
// is there whole or not at all; the newest one counts.
#pragma once

#include "base/json.h"
#include "train/adamw.h"
#include "train/batches.h"
#include "train/metrics.h"
#include "train/train.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace tpt::train {

// All that is not a tensor.
struct RunState {
  Json recipe;                       // what decides the weights: options, model, shards
  std::int64_t steps = 0;            // batches drawn
  std::int64_t optimizer_steps = 0;  // less those whose loss or gradient was not finite
  std::int64_t tokens = 0;
  Place place;
  double seconds = 0;
  double flops = 0;
  double last_loss = 0;
  std::int64_t skipped_in_a_row = 0;
  Tally tally;                     // since the last line of metrics.jsonl
  std::int64_t metrics_bytes = 0;  // length of metrics.jsonl then
  std::vector<Checkpoint> checkpoints;
  bool finished = false;
};

// The newest whole state of a run's folder; nothing where there is none. Error(data) for a damaged
// one, naming it.
std::optional<std::filesystem::path> newest_state(const std::filesystem::path& folder);
RunState read_state(const std::filesystem::path& state_folder);
// Fills weights and moments. Error(data) where the file does not hold as many.
void restore_optimizer(const std::filesystem::path& state_folder, const RunState& state,
                       AdamW& optimizer);

// Writes folder/state-<steps> durably, then removes older ones and what an interrupted write left.
void write_state(const std::filesystem::path& folder, const RunState& state,
                 const AdamW& optimizer);

}  // namespace tpt::train
