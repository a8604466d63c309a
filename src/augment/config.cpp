#include "augment/augment.h"

namespace tpt::augment {

namespace {

void describe_asking(Fields& fields, Config& config) {
  fields.text("prompt", config.prompt,
              "tpt, random_focus, interleaved, back_thinking, rephrase, first_principles, or the "
              "path of a file that names {{CONTEXT}}");
  fields.integer("context_tokens", config.context_tokens,
                 "show at most this many tokens of the document, cut at the end of a sentence", 1,
                 1 << 20);
  fields.integer("chunk_tokens", config.chunk_tokens,
                 "think piece by piece: cut documents at the end of a paragraph or sentence into "
                 "pieces of at most this many tokens; 0: one piece",
                 0, 1 << 20);
  fields.integer("before_tokens", config.before_tokens,
                 "tokens of the text before the piece, where the prompt names {{BEFORE}}", 1,
                 1 << 20);
  fields.integer("rollouts", config.rollouts, "trajectories of each document, each of its own seed",
                 1, 1 << 20);
  fields.integer("max_thinking_tokens", config.max_thinking_tokens,
                 "cap on the tokens of one trajectory", 1, 1 << 20);
  fields.choice("at_cap", config.at_cap,
                {{"keep", AtCap::keep},
                 {"trim", AtCap::trim},
                 {"continue", AtCap::go_on},
                 {"drop", AtCap::set_aside}},
                "thinking that hit the cap: as it is, cut back to its last whole sentence, "
                "continued, or rejected");
  fields.integer("max_continuations", config.max_continuations,
                 "with at_cap continue: go on this often at most, max_thinking_tokens each time", 1,
                 1000);
  fields.flag("stop_loops", config.stop_loops,
              "stop an answer that says the same over and over as soon as that shows");
}

}  // namespace

void describe(Fields& fields, Config& config) {
  describe_asking(fields, config);
  fields.number("temperature", config.temperature, "of the sampling; 0 is greedy", 0, 10);
  fields.number("top_p", config.top_p, "sample from this share of the probability", 1e-6, 1);
  fields.integer("top_k", config.top_k, "sample from this many tokens; 0: all", 0, 1 << 20);
  fields.flag("chat", config.chat, "wrap the prompt in the model's chat template");
  fields.text("think_start", config.think_start,
              "what the answer is made to start with; auto: <think> and a line end, nothing for "
              "chat servers");
  fields.text("think_end", config.think_end, "the thinking ends before this text");
  fields.integer("seed", config.seed, "each document's sampling seed comes from this and its id",
                 0);
  fields.integer("attempts", config.attempts, "ask this often before a document counts as failed",
                 1, 1000);
  fields.number("max_failed_share", config.max_failed_share,
                "the step fails if more than this share of the documents does", 0, 1);
  fields.flag("fail_fast", config.fail_fast, "end at the first document that fails");
  fields.integer("window_documents", config.window_documents,
                 "rows held in memory while one before them is not finished; at least four times "
                 "what is in flight",
                 1, 1 << 24);
  fields.integer("rows_per_part", config.rows_per_part, "rows in a Parquet file of the output", 1,
                 1 << 30);
}

std::string think_start_of(const Config& config) {
  if (config.think_start != "auto") return config.think_start;
  return config.chat_server ? "" : "<think>\n";
}

Json to_json(const Counts& counts) {
  return {{"documents", counts.documents},
          {"rows_in", counts.rows_in},
          {"rows", counts.rows},
          {"rejected", counts.rejected},
          {"failed", counts.failed},
          {"reasons", Json(counts.reasons)},
          {"finished", Json(counts.finished)},
          {"from_journal", counts.from_journal},
          {"asked", counts.asked},
          {"damaged", counts.damaged},
          {"prompt_tokens", counts.prompt_tokens},
          {"thinking_tokens", counts.thinking_tokens},
          {"rejected_tokens", counts.rejected_tokens},
          {"saved_tokens", counts.saved_tokens},
          {"generated_tokens", counts.generated_tokens},
          {"wasted_tokens", counts.wasted_tokens},
          {"seconds", counts.seconds}};
}

}  // namespace tpt::augment
