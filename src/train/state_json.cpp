#include "base/error.h"
#include "train/state.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string>

namespace tpt::train {
namespace {

// Numbers that may be not finite, which JSON cannot hold, as their bits.
std::string bits_of(double value) {
  return fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value));
}

double from_bits(const Json& text) {
  return std::bit_cast<double>(std::stoull(text.get<std::string>(), nullptr, 16));
}

}  // namespace

Json to_json(const DoneStep& step) {
  return {{"number", step.number},
          {"epoch", step.place.epoch},
          {"row", step.place.row},
          {"rows", step.rows},
          {"learning_rate", step.learning_rate},
          {"loss_bits", bits_of(step.loss)},
          {"gradient_norm_bits", bits_of(step.gradient_norm)},
          {"skipped", step.skipped}};
}

DoneStep step_from_json(const Json& json) {
  return {.number = json.at("number").get<std::int64_t>(),
          .place = {json.at("epoch").get<std::int64_t>(), json.at("row").get<std::int64_t>()},
          .rows = json.at("rows").get<std::int64_t>(),
          .learning_rate = json.at("learning_rate").get<double>(),
          .loss = from_bits(json.at("loss_bits")),
          .gradient_norm = from_bits(json.at("gradient_norm_bits")),
          .skipped = json.at("skipped").get<bool>()};
}

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
          {"open", state.open ? to_json(*state.open) : Json()},
          {"skipped_in_a_row", state.skipped_in_a_row},
          {"skipped_since_line", state.skipped_since_line},
          {"tally", to_json(state.tally)},
          {"line_tokens", state.line_tokens},
          {"line_flops", state.line_flops},
          {"metrics_bytes", state.metrics_bytes},
          {"events_bytes", state.events_bytes},
          {"threads", state.threads},
          {"processes", state.processes},
          {"sharded", state.is_sharded},
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
  if (!json.at("open").is_null()) {
    state.open = step_from_json(json.at("open"));
  }
  state.skipped_since_line = json.at("skipped_since_line").get<std::int64_t>();
  state.line_tokens = json.at("line_tokens").get<std::int64_t>();
  state.line_flops = json.at("line_flops").get<double>();
  state.events_bytes = json.at("events_bytes").get<std::int64_t>();
  state.threads = json.at("threads").get<std::int64_t>();
  state.processes = json.value("processes", std::int64_t{1});
  state.is_sharded = json.value("sharded", false);
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
