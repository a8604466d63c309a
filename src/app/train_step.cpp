#include "app/train_step.h"

#include "app/model_shape.h"
#include "app/training_folder.h"
#include "pack/shard_reader.h"
#include "train/ranks.h"
#include "train/train.h"

#include <string_view>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

Json to_json(const train::Result& result, const fs::path& folder) {
  Json json = Json::object();
  json["tokens"] = result.tokens;
  json["steps"] = result.steps;
  json["seconds"] = result.seconds;
  json["flops"] = result.flops;
  json["final_loss"] = result.final_loss;
  Json& checkpoints = json["checkpoints"] = Json::array();
  for (const train::Checkpoint& checkpoint : result.checkpoints) {
    checkpoints.push_back({{"budget", checkpoint.budget},
                           {"tokens", checkpoint.tokens},
                           {"folder", fs::relative(checkpoint.folder, folder).string()}});
  }
  return json;
}

}  // namespace

Json train_step(const train::Config& config, const model::Config& model, const fs::path& shards,
                const fs::path& folder, Run run) {
  train::Ranks alone;
  return train_step(config, model, shards, folder, run, alone);
}

Json train_step(const train::Config& config, const model::Config& model, const fs::path& shards,
                const fs::path& folder, Run run, train::Ranks& ranks) {
  const auto work = [&] {
    return to_json(train::run(config, model, shards, folder, run.progress, run.stop, ranks),
                   folder);
  };
  constexpr std::string_view kGo = "go";
  if (!ranks.is_first()) {
    if (ranks.broadcast("") == kGo) work();
    return {};
  }
  const TrainingFolder own_folder(folder);
  own_folder.forget_failed_start();
  Json recipe = Json::object();
  recipe["train"] = train::recipe_of(config);
  std::vector<fs::path> inputs = pack::shard_paths(shards);
  if (config.init_from.empty()) {
    recipe["model"] = recorded("model", model);
  } else {
    inputs.emplace_back(config.init_from);
    const auto own = shape_to_start_from(config.init_from, model, {});
    if (model.max_positions > own.max_positions) {
      recipe["model"] = {{"max_positions", model.max_positions}};
    }
  }
  const Stage stage{.step = "train", .folder = folder, .recipe = recipe, .inputs = inputs};
  bool was_done = true;
  const Json counts = run_stage(stage, [&] {
    was_done = false;
    ranks.broadcast(std::string(kGo));
    return work();
  });
  if (was_done) ranks.broadcast("finished already");
  return counts;
}

}  // namespace tpt::app
