#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"
#include "base/error.h"
#include "train/launch.h"

#include <fmt/core.h>

namespace tpt::app {

void eval_verb(Arguments arguments, Run run) {
  eval::Config config;
  EngineConfig engine;
  std::vector<std::string> inputs;
  std::string task;
  std::string out;
  CommandLine line("eval",
                   "Puts the questions of a task to a checkpoint, or to any other engine, "
                   "and grades the answers.");
  line.inputs("CHECKPOINT", inputs, "a folder with config.json and model.safetensors", false);
  line.text("task", task, "JSONL of questions: id, prompt, answer", true);
  line.text("out", out, "folder for answers.jsonl and scores.json", true);
  line.section("engine", engine);
  line.section("eval", config);
  line.example(
      "tpt eval build/tuned/checkpoint-9000 --task build/lab/questions.jsonl --out build/scores");
  line.example(
      "tpt eval --engine llama:model.gguf --chat --task gsm8k.jsonl --answer-marker '####' "
      "--out build/gsm8k");
  if (!line.parse(arguments)) return;
  train::refuse_many_processes("eval");
  if (inputs.size() > 1) user_error("tpt eval: got {} checkpoints, expected one", inputs.size());
  if (!inputs.empty()) engine.engine = "checkpoint:" + inputs[0];
  const Json scores = eval_step(config, engine, task, out, run);
  fmt::print("{}\n", dump_json(scores));
}

}  // namespace tpt::app
