#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"

#include <fmt/core.h>

namespace tpt::app {

void augment_verb(Arguments arguments, Run run) {
  corpus::Config corpus;
  EngineConfig engine;
  augment::Config config;
  filter::Config gate;
  bool no_gate = false;
  bool update = false;
  std::string out;
  CommandLine line("augment",
                   "Has an engine think about every document. Ctrl-C drains; the same "
                   "command goes on where it stopped, after kill -9 too.");
  line.inputs("IN", corpus.inputs, "JSONL (plain, .gz, .zst), Parquet, text files, folders, globs");
  line.text("out", out, "folder for the rows (Parquet) and the journal", true);
  line.section("corpus", corpus);
  line.section("engine", engine);
  line.section("augment", config);
  line.section("filter", gate);
  line.flag("no-gate", no_gate, "keep every row, whatever [filter] says of it");
  line.flag("update", update,
            "go on in a folder of other options or inputs: only what differs is asked again");
  line.example("tpt augment data/sample/*.jsonl --max-thinking-tokens 256 --out build/augmented");
  line.example("tpt augment corpus/ --engine llama:models/qwen3-8b.gguf --prompt tpt --out out/");
  if (!line.parse(arguments)) return;
  AugmentOptions options{.gate = gate, .update = update};
  if (no_gate) options.gate.reset();
  fmt::print("{}\n", dump_json(augment_step(corpus, engine, config, out, run, options)));
}

}  // namespace tpt::app
