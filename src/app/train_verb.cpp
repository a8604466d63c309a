#include "app/command_line.h"
#include "app/model_shape.h"
#include "app/train_step.h"
#include "app/verbs.h"
#include "base/log.h"
#include "base/progress.h"

#include <fmt/core.h>

namespace tpt::app {

void train_verb(Arguments arguments, Run run) {
  train::Config config;
  model::Config model;
  std::string shards;
  std::string out;
  std::string from;
  CommandLine line("train",
                   "Pre-trains or fine-tunes a model on shards. Ctrl-C saves; the same "
                   "command goes on, bit for bit on the same machine.");
  line.input("SHARDS", shards,
             "the folder that tpt pack wrote, or the prefix of any Megatron .bin/.idx pair");
  line.text("out", out, "folder for checkpoints, metrics.jsonl and the state to go on from", true);
  line.text("from", from, "a Hugging Face folder to go on from: the same as --init-from");
  line.section("model", model);
  line.section("train", config);
  line.example("tpt train build/shards --train-tokens 2e6 --out build/model");
  line.example("tpt train build/shards --from models/SmolLM2-135M --epochs 1 --out build/model");
  line.example(
      "torchrun --no-python --nproc-per-node 8 tpt train build/shards --epochs 1 --out "
      "build/model");
  line.example(
      "tpt train build/sft --init-from build/model/checkpoint-2000000 --objective answers "
      "--rows pad --epochs 5 --out build/tuned");
  if (!line.parse(arguments)) return;
  if (!from.empty()) config.init_from = from;
  model = shape_to_start_from(config.init_from, model, line.given("model"));
  train::Ranks ranks(train::launch_from(train::process_environment()),
                     {.timeout_seconds = config.process_timeout_seconds});
  NoProgress quiet;
  const Run own{.progress = ranks.is_first() ? run.progress : quiet, .stop = run.stop};
  if (!ranks.is_first()) set_log_level(LogLevel::error);  // the first one says it for all
  try {
    const Json counts = train_step(config, model, shards, out, own, ranks);
    if (ranks.is_first()) fmt::print("{}\n", dump_json(counts));
  } catch (const std::exception& problem) {
    ranks.leave_last_words(problem.what());
    throw;
  }
}

}  // namespace tpt::app
