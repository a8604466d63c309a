#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"

#include <fmt/core.h>

namespace tpt::app {

void filter_verb(Arguments arguments, Run /*run*/) {
  filter::Config config;
  std::string input;
  std::string out;
  CommandLine line("filter",
                   "Keeps the thinking worth training on and drops the rest, each with "
                   "a counted reason.");
  line.input("IN", input, "the folder that tpt augment wrote, or a Parquet file like it");
  line.text("out", out, "folder for kept/ and rejected/", true);
  line.section("filter", config);
  line.example("tpt filter build/augmented --out build/filtered");
  if (!line.parse(arguments)) return;
  fmt::print("{}\n", dump_json(filter_step(config, input, out)));
}

}  // namespace tpt::app
