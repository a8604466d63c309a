#include "lab/config.h"

#include "base/error.h"

namespace tpt::lab {

namespace {

// Different chains of `steps` steps: a digit, then three operations with ten digits each.
double chains_of(std::int64_t steps) {
  double count = 10;
  for (std::int64_t i = 0; i < steps; ++i) {
    count *= 30;
  }
  return count;
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.integer("documents", config.documents, "training documents", 1, 100'000'000);
  fields.integer("held_out_documents", config.held_out_documents,
                 "unseen documents for the loss on raw text", 0, 1'000'000);
  fields.integer("questions", config.questions, "unseen chains asked at the end", 1, 1'000'000);
  fields.integer("examples", config.examples, "unseen chains with their working, for fine-tuning",
                 1, 1'000'000);
  fields.integer("min_steps", config.min_steps, "shortest chain, in operations", 1, 16);
  fields.integer("max_steps", config.max_steps, "longest chain, in operations", 1, 16);
  fields.number("plain_share", config.plain_share,
                "share of documents that are plain sentences without a chain", 0, 1);
  fields.integer("seed", config.seed, "draws the documents, questions and examples", 0);
}

void check(const Config& config) {
  if (config.min_steps > config.max_steps) {
    user_error("lab.min_steps: got {}, allowed: at most lab.max_steps, which is {}",
               config.min_steps, config.max_steps);
  }
  // Each length is asked for equally often, so the shortest chains run out first. Their twentieth
  // is set aside for each of the two; half of that is drawn in reasonable time.
  const auto lengths = static_cast<double>(config.max_steps - config.min_steps + 1);
  const double most = chains_of(config.min_steps) * 0.05 * 0.5 * lengths;
  for (const auto& [name, asked] :
       {std::pair("questions", config.questions), std::pair("examples", config.examples)}) {
    if (static_cast<double>(asked) > most) {
      user_error("lab.{}: got {}, but chains of {} steps allow only {}; raise lab.min_steps", name,
                 asked, config.min_steps, static_cast<std::int64_t>(most));
    }
  }
}

}  // namespace tpt::lab
