// --shard: which part of a corpus this process does, and where its folder lies.
#pragma once

#include "corpus/shard.h"

#include <filesystem>
#include <string>

namespace tpt::app {

// "K/N" (K from 0), "auto", or "auto/N". `auto` takes K and N from what started this process:
// SLURM_ARRAY_TASK_ID, _MIN, _MAX, _COUNT and _STEP of a Slurm array (any beginning, any step), or
// JOB_COMPLETION_INDEX and JOB_COMPLETIONS of a Kubernetes indexed job. `auto/N` takes K alone from
// there, as it stands: for an array that does some shards of N again. Error(user) where these are
// missing, contradict each other, or name no shard.
corpus::Shard shard_from(const std::string& text);

// OUT/shard-00003-of-00016. The first shard to come leaves OUT/shards.json, which says how the
// corpus is cut; Error(user) where another count or another corpus stands there.
std::filesystem::path shard_folder(const std::filesystem::path& out, corpus::Shard shard,
                                   const corpus::ShardPlan& plan);

}  // namespace tpt::app
