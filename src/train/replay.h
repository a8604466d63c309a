// Runs a step of a run again, from the newest state before it, without touching the run.
#pragma once

#include "base/json.h"
#include "train/ranks.h"
#include "train/state.h"

#include <cstdint>
#include <filesystem>
#include <optional>

namespace tpt::train {

struct Replay {
  DoneStep step;
  std::int64_t from_step = 0;        // of the state that it went on from
  std::optional<DoneStep> recorded;  // what was kept of the step where it was left out
  Json batch;                        // its rows, with the ids of their documents
  Json gradients = Json::array();    // of the parameters with the largest norms, first those that
                                     // are not finite
};

// Whether both have the same bits in loss and norm, and the same verdict.
bool same_outcome(const DoneStep& one, const DoneStep& other);

// `folder` is the run's, `shards` what it was trained on. With as many threads as the run had.
// Error(user) where no state before the step is left, or the shards are others. A run that went
// back to older weights between that state and the step comes to other numbers.
// As many processes as the run had come to the same bits; the first reads the folder.
Replay replay_step(const std::filesystem::path& folder, const std::filesystem::path& shards,
                   std::int64_t step, Ranks& ranks);

}  // namespace tpt::train
