#include "app/command_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/json.h"
#include "train/replay.h"

#include <fmt/core.h>

namespace tpt::app {
namespace {

struct ReplayOptions {
  std::int64_t step = 0;
};

void describe(Fields& fields, ReplayOptions& options) {
  fields.integer("step", options.step, "the step to run again, from 1", 1);
}

}  // namespace

void replay_step_verb(Arguments arguments, Run /*run*/) {
  ReplayOptions options;
  std::string folder;
  std::string shards;
  CommandLine line("replay-step",
                   "Runs one step of a training run again from the newest state before it, prints "
                   "what came of it and whether that is what was kept, bit for bit. The run is not "
                   "touched.");
  line.input("RUN", folder, "the folder that tpt train filled");
  line.text("shards", shards, "the folder that the run was trained on", true);
  line.section("replay", options);
  line.example("tpt replay-step build/model --shards build/shards --step 1203");
  if (!line.parse(arguments)) return;
  if (options.step == 0) user_error("--step: name the step, from 1");
  train::Ranks ranks(train::launch_from(train::process_environment()), {});
  const train::Replay replay = train::replay_step(folder, shards, options.step, ranks);
  if (!ranks.is_first()) return;
  Json json = train::to_json(replay.step);
  json["loss"] = fmt::format("{}", replay.step.loss);
  json["gradient_norm"] = fmt::format("{}", replay.step.gradient_norm);
  json["from_step"] = replay.from_step;
  json["as_recorded"] =
      replay.recorded ? Json(train::same_outcome(replay.step, *replay.recorded)) : Json();
  json["largest_gradients"] = replay.gradients;
  json["batch"] = replay.batch;
  fmt::print("{}\n", dump_json_pretty(json));
}

}  // namespace tpt::app
