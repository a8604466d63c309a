// Keep a trajectory, or drop it with a reason that is counted.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "base/source.h"
#include "filter/decontaminator.h"
#include "filter/leaked_prompt.h"
#include "records/trajectory.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tpt::filter {

// Each bound can be opened: 0 for the minima, 0 (no limit) for the maxima, 1 for the shares, false
// and 0 words for the others.
struct Config {
  std::int64_t min_tokens = 16;
  std::int64_t max_tokens = 0;
  std::int64_t min_characters = 40;
  std::int64_t max_characters = 0;
  bool require_end = true;
  double max_tail_share = 0.25;
  double max_repeated_lines = 0.3;
  double max_repeated_ngrams = 0.3;
  double max_copied = 0.5;
  double max_foreign = 0.1;
  bool refusals = true;
  bool special_tokens = true;
  std::int64_t leaked_words = 6;
  std::vector<std::string> prompts;  // files of further prompts whose wording must not come back
  bool numbers = true;
  std::vector<std::string> decontaminate;  // files, folders, globs of benchmark questions
  std::int64_t decontaminate_words = 13;
  std::int64_t decontaminate_megabytes = 4096;
};

void describe(Fields& fields, Config& config);

// What the judgement needs beside the row; read by app, because it stands in files.
struct Materials {
  std::vector<std::string> prompts;                  // the templates that the thinking answered
  std::shared_ptr<const Decontaminator> benchmarks;  // null: nothing is looked for
};

// `reason` is "" for a kept one, else the first that holds of: engine_error, empty, refusal,
// too_short, too_long, loop, repeated_lines, repeated_ngrams, no_end, special_tokens,
// leaked_prompt, language, copy, numbers, contaminated. `detail` says what it was where a reason
// alone does not: "3*4=13 (12 and 13)", "gsm8k/test:17", "<|im_end|>".
struct Verdict {
  bool keep = true;
  std::string reason;
  std::string detail;
};

// Thread-safe.
class Filter {
 public:
  explicit Filter(Config config, Materials materials = {});
  Verdict judge(const AugmentedDocument& row) const;

 private:
  Config config_;
  PromptPieces prompt_pieces_;
  std::shared_ptr<const Decontaminator> benchmarks_;
};

struct Counts {
  std::int64_t kept = 0;
  std::int64_t rejected = 0;
  std::map<std::string, std::int64_t> reasons;
  std::map<std::string, std::int64_t> benchmarks;  // rows that hold a question of each
};

Json to_json(const Counts& counts);

// Judges every row, in order, and finishes `kept`. `reject` gets the others with their verdict.
Counts apply(const Filter& filter, Source<AugmentedDocument>& rows, Sink<AugmentedDocument>& kept,
             const std::function<void(AugmentedDocument, Verdict)>& reject);

}  // namespace tpt::filter
