#include "app/command_line.h"
#include "app/train_step.h"
#include "app/verbs.h"

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
  line.input("SHARDS", shards, "the folder that tpt pack wrote");
  line.text("out", out, "folder for checkpoints, metrics.jsonl and the state to go on from", true);
  line.text("from", from, "a Hugging Face folder to go on from: the same as --init-from");
  line.section("model", model);
  line.section("train", config);
  line.example("tpt train build/shards --train-tokens 2e6 --out build/model");
  line.example("tpt train build/shards --from models/SmolLM2-135M --epochs 1 --out build/model");
  line.example(
      "tpt train build/sft --init-from build/model/checkpoint-2000000 --objective answers "
      "--rows pad --epochs 5 --out build/tuned");
  if (!line.parse(arguments)) return;
  if (!from.empty()) config.init_from = from;
  fmt::print("{}\n", dump_json(train_step(config, model, shards, out, run)));
}

}  // namespace tpt::app
