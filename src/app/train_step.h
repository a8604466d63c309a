// The step of the flow that trains.
#pragma once

#include "app/stage.h"
#include "model/config.h"
#include "train/config.h"

#include <filesystem>

namespace tpt::app {

// Shards -> checkpoints. `config.init_from` counts as an input.
Json train_step(const train::Config& config, const model::Config& model,
                const std::filesystem::path& shards, const std::filesystem::path& folder, Run run);

}  // namespace tpt::app
