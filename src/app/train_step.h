// The step of the flow that trains.
#pragma once

#include "app/stage.h"
#include "model/config.h"
#include "train/config.h"
#include "train/ranks.h"

#include <filesystem>

namespace tpt::app {

// Shards -> checkpoints. `config.init_from` counts as an input; with it `model` is what
// shape_to_start_from() gives. Error(user) where another process works on `folder`.
Json train_step(const train::Config& config, const model::Config& model,
                const std::filesystem::path& shards, const std::filesystem::path& folder, Run run);
// The same by many processes. The first alone keeps the folder's record and gives the counts, the
// others give null.
Json train_step(const train::Config& config, const model::Config& model,
                const std::filesystem::path& shards, const std::filesystem::path& folder, Run run,
                train::Ranks& ranks);

}  // namespace tpt::app
