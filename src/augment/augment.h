// Document -> thinking trajectory, at scale: keeps an engine full, journals every answer, writes
// rows in the corpus's order. May be killed at any moment and run again (docs/augment.md).
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/source.h"
#include "engine/engine.h"
#include "records/document.h"

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

namespace tpt::augment {

// The defaults are the paper's (section 3): its prompt, 2k tokens of context, at most 8k of
// thinking, temperature 0.6, top-p 0.9, stop at </think>.
struct Config {
  std::string prompt = "tpt";  // the name of a file of prompts/, or the path of one's own
  std::int64_t context_tokens = 2048;
  std::int64_t max_thinking_tokens = 8192;
  double temperature = 0.6;
  double top_p = 0.9;
  std::int64_t top_k = 0;
  bool chat = true;
  std::string think_start = "<think>\n";
  std::string think_end = "</think>";
  std::int64_t seed = 1;
  std::int64_t attempts = 3;
  double max_failed_share = 0.05;
  std::int64_t window_documents = 4096;
  std::int64_t rows_per_part = 10000;
};

void describe(Fields& fields, Config& config);

struct Counts {
  std::int64_t documents = 0;         // rows written
  std::int64_t from_journal = 0;      // of these, rows whose answer was not generated for them now
  std::int64_t failed = 0;            // documents without a row: see failed.jsonl
  std::int64_t prompt_tokens = 0;     // of all rows
  std::int64_t thinking_tokens = 0;   // of all rows
  std::int64_t generated_tokens = 0;  // by this call
  double seconds = 0;                 // of this call
};

Json to_json(const Counts& counts);

// Reads `documents` to its end and leaves in `folder`: part-00000.parquet ... with a row for every
// document in their order, journal.sqlite, and failed.jsonl ({"id", "error"} a line) if any
// document failed `attempts` times. `total_documents` is for the progress only; 0: not known.
//
// An answer counts as finished once it is in the journal on disk; from then on it is never asked
// for again and never changes. Documents of the same id and text share one answer.
//
// Throws Interrupted once asked to stop, with all that was in flight journaled; Error(user) while
// another process works on `folder`; Error(remote) where more than `max_failed_share` fail (the
// answers stay in the journal); and what `documents` throws, after draining.
Counts run(const Config& config, Source<Document>& documents, std::int64_t total_documents,
           engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
           std::stop_token stop);

}  // namespace tpt::augment
