#include "augment/augment.h"

namespace tpt::augment {

void describe(Fields& fields, Config& config) {
  fields.text("prompt", config.prompt,
              "tpt, random_focus, or the path of a file that names {{CONTEXT}}");
  fields.integer("context_tokens", config.context_tokens,
                 "show at most this many tokens of the document, cut at the end of a sentence", 1,
                 1 << 20);
  fields.integer("max_thinking_tokens", config.max_thinking_tokens,
                 "cap on the tokens of one trajectory", 1, 1 << 20);
  fields.number("temperature", config.temperature, "of the sampling; 0 is greedy", 0, 10);
  fields.number("top_p", config.top_p, "sample from this share of the probability", 1e-6, 1);
  fields.integer("top_k", config.top_k, "sample from this many tokens; 0: all", 0, 1 << 20);
  fields.flag("chat", config.chat, "wrap the prompt in the model's chat template");
  fields.text("think_start", config.think_start, "what the answer is made to start with");
  fields.text("think_end", config.think_end, "the thinking ends before this text");
  fields.integer("seed", config.seed, "each document's sampling seed comes from this and its id",
                 0);
  fields.integer("attempts", config.attempts, "ask this often before a document counts as failed",
                 1, 1000);
  fields.number("max_failed_share", config.max_failed_share,
                "the step fails if more than this share of the documents does", 0, 1);
  fields.integer("window_documents", config.window_documents,
                 "documents held in memory while one before them is not finished", 1, 1 << 24);
  fields.integer("rows_per_part", config.rows_per_part, "rows in a Parquet file of the output", 1,
                 1 << 30);
}

Json to_json(const Counts& counts) {
  return {{"documents", counts.documents},
          {"from_journal", counts.from_journal},
          {"failed", counts.failed},
          {"prompt_tokens", counts.prompt_tokens},
          {"thinking_tokens", counts.thinking_tokens},
          {"generated_tokens", counts.generated_tokens},
          {"seconds", counts.seconds}};
}

}  // namespace tpt::augment
