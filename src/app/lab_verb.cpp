#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"

#include <fmt/core.h>

namespace tpt::app {

void lab_verb(Arguments arguments, Run /*run*/) {
  lab::Config config;
  std::string out;
  CommandLine line("lab",
                   "Writes the controlled corpus: chains modulo 10 with plain sentences "
                   "between, held-out documents, questions and fine-tuning examples.");
  line.text("out", out,
            "folder for documents.jsonl, held_out.jsonl, questions.jsonl and "
            "examples.jsonl",
            true);
  line.section("lab", config);
  line.example("tpt lab --documents 1000 --out build/lab");
  if (!line.parse(arguments)) return;
  fmt::print("{}\n", dump_json(lab_step(config, out)));
}

}  // namespace tpt::app
