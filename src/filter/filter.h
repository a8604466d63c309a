// Keep a trajectory, or drop it with a reason that is counted.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "base/source.h"
#include "records/trajectory.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace tpt::filter {

// Each bound can be opened: 0 for the minima, 0 (no limit) for the maxima, 1 for the shares.
struct Config {
  std::int64_t min_tokens = 16;
  std::int64_t max_tokens = 0;
  std::int64_t min_characters = 40;
  std::int64_t max_characters = 0;
  bool require_end = true;
  double max_tail_share = 0.25;
  double max_repeated_lines = 0.3;
  double max_repeated_ngrams = 0.3;
};

void describe(Fields& fields, Config& config);

// `reason` is "" for a kept one, else the first that holds of: engine_error, empty, too_short,
// too_long, loop, repeated_lines, repeated_ngrams, no_end.
struct Verdict {
  bool keep = true;
  std::string reason;
};

// Thread-safe.
class Filter {
 public:
  explicit Filter(Config config) : config_(config) {}
  Verdict judge(const AugmentedDocument& row) const;

 private:
  Config config_;
};

struct Counts {
  std::int64_t kept = 0;
  std::int64_t rejected = 0;
  std::map<std::string, std::int64_t> reasons;
};

Json to_json(const Counts& counts);

// Judges every row, in order, and finishes `kept`. `reject` gets the others with their reason.
Counts apply(const Config& config, Source<AugmentedDocument>& rows, Sink<AugmentedDocument>& kept,
             const std::function<void(AugmentedDocument, std::string)>& reject);

}  // namespace tpt::filter
