#include "base/error.h"
#include "train/state.h"

#include <string>

namespace tpt::train {

Json to_json(const RunState& state) {
  Json checkpoints = Json::array();
  for (const Checkpoint& checkpoint : state.checkpoints) {
    checkpoints.push_back({{"budget", checkpoint.budget},
                           {"tokens", checkpoint.tokens},
                           {"folder", checkpoint.folder.filename().string()}});
  }
  return {{"recipe", state.recipe},
          {"steps", state.steps},
          {"tokens", state.tokens},
          {"epoch", state.place.epoch},
          {"row", state.place.row},
          {"seconds", state.seconds},
          {"flops", state.flops},
          {"last_loss", state.last_loss},
          {"skipped_in_a_row", state.skipped_in_a_row},
          {"tally", to_json(state.tally)},
          {"metrics_bytes", state.metrics_bytes},
          {"checkpoints", checkpoints},
          {"finished", state.finished}};
}

RunState state_from_json(const Json& json, const std::filesystem::path& folder) {
  RunState state;
  state.recipe = json.at("recipe");
  state.steps = json.at("steps").get<std::int64_t>();
  state.tokens = json.at("tokens").get<std::int64_t>();
  state.place = {json.at("epoch").get<std::int64_t>(), json.at("row").get<std::int64_t>()};
  state.seconds = json.at("seconds").get<double>();
  state.flops = json.at("flops").get<double>();
  state.last_loss = json.at("last_loss").get<double>();
  state.skipped_in_a_row = json.at("skipped_in_a_row").get<std::int64_t>();
  state.tally = tally_from_json(json.at("tally"));
  state.metrics_bytes = json.at("metrics_bytes").get<std::int64_t>();
  for (const Json& checkpoint : json.at("checkpoints")) {
    state.checkpoints.push_back({checkpoint.at("budget").get<std::int64_t>(),
                                 checkpoint.at("tokens").get<std::int64_t>(),
                                 folder / checkpoint.at("folder").get<std::string>()});
  }
  state.finished = json.at("finished").get<bool>();
  return state;
}

}  // namespace tpt::train
