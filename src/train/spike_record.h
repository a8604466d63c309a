// What is kept of a step that was left out, so that it can be looked at and run again.
#pragma once

#include "base/json.h"
#include "pack/shard_reader.h"
#include "train/batches.h"
#include "train/state.h"

#include <filesystem>

namespace tpt::train {

// Of each row of a step: its number, and the id of the document, sequence, offset and length of
// each piece it is made of.
Json describe_rows(const DoneStep& step, const RowStream& rows, const pack::ShardReader& shards);

// Writes folder/spikes/step-<n>, whole or not at all:
//   step.json       loss, norm, rates and rows of the step
//   state-<k>       the newest state before the step, as links to the same files, where there is
//   one
void keep_spike(const std::filesystem::path& folder, const DoneStep& step, const Json& rows);

// The newest state of the run, or of what was kept of a spike, with fewer than `step` steps.
// Error(user) where there is none.
std::filesystem::path state_before(const std::filesystem::path& folder, std::int64_t step);

}  // namespace tpt::train
