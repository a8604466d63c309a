#include "app/command_line.h"
#include "app/steps.h"
#include "app/verbs.h"
#include "app/watch_flags.h"

#include <fmt/core.h>

namespace tpt::app {

void augment_verb(Arguments arguments, Run run) {
  corpus::Config corpus;
  EngineConfig engine;
  augment::Config config;
  filter::Config gate;
  bool judge = false;
  std::string out;
  AugmentOptions options;
  CommandLine line("augment",
                   "Has an engine think about every document. Ctrl-C drains; the same "
                   "command goes on where it stopped, after kill -9 too.");
  line.inputs("IN", corpus.inputs, "JSONL (plain, .gz, .zst), Parquet, text files, folders, globs");
  line.text("out", out, "folder for the rows (Parquet) and the journal, or s3://BUCKET/FOLDER",
            true);
  line.text("work", options.work,
            "with --out s3://...: folder of this machine for the journal and parts on their way");
  line.text("shard", options.shard,
            "do part K of N, from 0: K/N, auto (Slurm array or Kubernetes indexed job) or auto/N; "
            "rows in OUT/shard-KKKKK-of-NNNNN");
  add_watch_flags(line, options);
  line.section("corpus", corpus);
  line.section("engine", engine);
  line.section("augment", config);
  line.section("filter", gate);
  line.flag("gate", judge,
            "judge rows in line by [filter]: the rest goes to rejected/ with its reason");
  line.flag("update", options.update,
            "go on in a folder of other options or inputs, or in a finished one with failed rows: "
            "only what differs or failed is asked again");
  line.example("tpt augment data/sample/*.jsonl --max-thinking-tokens 256 --out build/augmented");
  line.example("tpt augment corpus/ --engine llama:models/qwen3-8b.gguf --prompt tpt --out out/");
  line.example("tpt augment corpus/ --engine http://gpu-1:8000 --url http://gpu-2:8000 --out out/");
  line.example(
      "tpt augment corpus/ --shard auto --out out/   # in a Slurm array: docs/many-machines.md");
  line.example("tpt augment s3://corpora/pages --out s3://corpora/thinking --work /scratch/tpt");
  if (!line.parse(arguments)) return;
  if (judge) options.gate = gate;
  fmt::print("{}\n", dump_json(augment_step(corpus, engine, config, out, run, options)));
}

}  // namespace tpt::app
