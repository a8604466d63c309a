#include "train/train.h"

#include "train/device_choice.h"
#include "train/thread_scope.h"
#include "train/trainer.h"

#include <utility>

namespace tpt::train {

Result run(const Config& config, const model::Config& model_config,
           const std::filesystem::path& shards, const std::filesystem::path& folder,
           Progress& progress, std::stop_token stop) {
  Ranks alone;
  return run(config, model_config, shards, folder, progress, std::move(stop), alone);
}

Result run(const Config& config, const model::Config& model_config,
           const std::filesystem::path& shards, const std::filesystem::path& folder,
           Progress& progress, std::stop_token stop, Ranks& ranks) {
  const ThreadScope threads(config.threads, ranks.local_size());
  prepare(device_of(config), config.deterministic);
  Trainer trainer(config, model_config, shards, folder, progress, ranks);
  return trainer.run(std::move(stop));
}

}  // namespace tpt::train
