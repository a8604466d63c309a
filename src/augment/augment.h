// Document -> thinking trajectory, at scale: keeps an engine full, journals every answer, writes
// rows in the corpus's order. May be killed at any moment and run again (docs/augment.md).
#pragma once

#include "augment/row_statistics.h"
#include "augment/status.h"
#include "base/config.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/source.h"
#include "engine/engine.h"
#include "records/document.h"
#include "records/trajectory.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

namespace tpt::augment {

// What becomes of thinking that hit the cap on its tokens.
enum class AtCap {
  keep,      // as it is (Finish::length)
  trim,      // cut back to the end of its last whole sentence (Finish::trimmed)
  go_on,     // the engine is asked to go on from there
  set_aside  // rejected for the reason "cap"
};

// The defaults are the paper's (section 3): its prompt, 2k tokens of context, at most 8k of
// thinking, temperature 0.6, top-p 0.9, stop at </think>.
struct Config {
  std::string prompt = "tpt";  // the name of a file of prompts/, or the path of one's own
  std::int64_t context_tokens = 2048;
  std::int64_t chunk_tokens = 0;  // think piece by piece; 0: about the document as one
  std::int64_t before_tokens =
      512;  // of the text before the piece, for prompts that name {{BEFORE}}
  std::int64_t rollouts = 1;
  std::int64_t max_thinking_tokens = 8192;
  AtCap at_cap = AtCap::keep;
  std::int64_t max_continuations = 3;
  bool stop_loops = true;
  double temperature = 0.6;
  double top_p = 0.9;
  std::int64_t top_k = 0;
  bool chat = true;
  std::string think_start = "auto";
  std::string think_end = "</think>";
  std::int64_t seed = 1;
  std::int64_t attempts = 3;
  double max_failed_share = 0.05;
  bool fail_fast = false;
  std::int64_t window_documents = 4096;
  std::int64_t rows_per_part = 10000;
  // Not an option: the engine is a chat server, which opens the thinking itself. For "auto".
  bool chat_server = false;
  // Not an option: tells a local model's content; part of a row's identity where it is not "".
  std::string model_sha256;
};

void describe(Fields& fields, Config& config);

// What the answer is made to start with: `think_start`, with "auto" resolved.
std::string think_start_of(const Config& config);

struct Counts {
  std::int64_t documents = 0;  // read
  // Rows: one a rollout and chunk of a document. in = written + rejected + failed.
  std::int64_t rows_in = 0;
  std::int64_t rows = 0;                         // written
  std::int64_t rejected = 0;                     // set aside in rejected/, with their reason
  std::int64_t failed = 0;                       // without an answer: see failed.jsonl
  std::map<std::string, std::int64_t> reasons;   // of the rejected
  std::map<std::string, std::int64_t> finished;  // finish_name() -> rows written and rejected
  std::int64_t from_journal = 0;                 // rows whose answer was not generated for them now
  std::int64_t asked = 0;                        // requests that were answered now and journaled
  std::int64_t damaged = 0;          // answers of the journal that were damaged and asked for again
  std::int64_t prompt_tokens = 0;    // of the rows written and rejected
  std::int64_t thinking_tokens = 0;  // of the rows written and rejected
  std::int64_t rejected_tokens = 0;  // of the rejected
  std::int64_t saved_tokens = 0;     // not generated because a loop was stopped: cap - generated
  std::int64_t generated_tokens = 0;  // by this call
  std::int64_t wasted_tokens = 0;     // by this call, for attempts that were not used
  double seconds = 0;                 // of this call
};

Json to_json(const Counts& counts);

// Why a row is to be set aside, and what was found in it; no reason for a row to be kept.
struct Judgement {
  std::string reason;
  std::string detail;
};

// Called from one thread, in the rows' order.
using Gate = std::function<Judgement(const AugmentedDocument&)>;

struct Hooks {
  Gate gate;  // may be empty: everything is kept
  // Counts every row as it is written, in the rows' order; not to be read before run() returns.
  RowStatistics* statistics = nullptr;
  // Called a few times a second, and at the end, from the thread that called run().
  std::function<void(const JobStatus&)> on_status;
  // Called with each part of rows, kept or rejected, once it stands; from the thread that writes.
  // A run that ends early then leaves its other rows in folder/unfinished, for whoever goes on
  // without the journal.
  std::function<void(const std::filesystem::path&)> on_part;
};

// Reads `documents` to its end and leaves in `folder`: part-00000.parquet ... with a row for every
// document, rollout and chunk in that order; rejected/part-00000.parquet ... with those that the
// gate did not pass; journal.sqlite; and failed.jsonl with those that have no answer.
// `total_documents` is for the progress only; 0: not known.
//
// An answer counts as finished once it is in the journal on disk; from then on it is never asked
// for again and never changes. Documents of the same id and text share one answer.
//
// Throws Interrupted once asked to stop, with all that was in flight journaled; Error(user) while
// another process works on `folder`; Error(remote) where more than `max_failed_share` fail, and
// where the engine answers nobody (unauthorized); Error(data) at the first failure if `fail_fast`;
// in all of these the answers stay in the journal. And what `documents` throws, after draining.
Counts run(const Config& config, Source<Document>& documents, std::int64_t total_documents,
           engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
           std::stop_token stop, Hooks hooks = {});

}  // namespace tpt::augment
