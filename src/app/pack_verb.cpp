#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"

#include <fmt/core.h>

namespace tpt::app {

void pack_verb(Arguments arguments, Run run) {
  pack::Config config;
  std::string input;
  std::string out;
  bool examples = false;
  CommandLine line("pack",
                   "Documents and thinking into Megatron shards (.bin, .idx) with a "
                   "sidecar that tells document and thinking tokens apart.");
  line.input("IN", input, "the kept/ folder of tpt filter, or what tpt augment wrote");
  line.text("out", out, "folder for the shards", true);
  line.flag("examples", examples,
            "IN is a JSONL of fine-tuning examples: prompt and completion, or messages");
  line.section("pack", config);
  line.example("tpt pack build/filtered/kept --tokenizer tokenizer.json --out build/shards");
  line.example(
      "tpt pack build/filtered/kept --tokenizer bytes --shuffle-thinking --out build/control");
  line.example(
      "tpt pack conversations.jsonl.gz --examples --chat chatml --tokenizer "
      "tokenizer.json --out build/tuning");
  if (!line.parse(arguments)) return;
  fmt::print("{}\n", dump_json(examples ? pack_examples_step(config, input, out, run)
                                        : pack_step(config, input, out, run)));
}

}  // namespace tpt::app
