#include "train/config.h"

#include "base/error.h"

#include <algorithm>

namespace tpt::train {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 50;

void describe_data(Fields& fields, Config& config) {
  fields.integer("seq_length", config.seq_length, "positions a row; a row holds seq_length + 1 ids",
                 1, 1 << 24);
  fields.choice("rows", config.rows,
                {{"concat", pack::RowPolicy::concat},
                 {"best_fit", pack::RowPolicy::best_fit},
                 {"pad", pack::RowPolicy::pad}},
                "sequences joined and cut, packed whole where they fit, or one a row");
  fields.flag("cross_document_attention", config.cross_document_attention,
              "positions attend to earlier sequences of their row");
  fields.integer("train_tokens", config.train_tokens,
                 "stop at the first step at which this many target tokens were seen; 0: by epochs",
                 0, kMany);
  fields.integer("epochs", config.epochs,
                 "passes over the shards instead of train_tokens; 0: as many as train_tokens needs",
                 0, 1'000'000);
  fields.integers("checkpoint_tokens", config.checkpoint_tokens,
                  "also save the model at the first step that reaches each of these", 1, kMany);
  fields.integer("batch_rows", config.batch_rows, "rows of one forward pass", 1, 1 << 24);
  fields.integer("accumulation", config.accumulation, "forward passes an optimizer step", 1,
                 1 << 24);
}

void describe_optimizer(Fields& fields, Config& config) {
  fields.choice("objective", config.objective,
                {{"all", Objective::all}, {"answers", Objective::answers}},
                "targets that carry loss: every token, or those of kind answer");
  fields.number("thinking_weight", config.thinking_weight,
                "weight of thinking targets in the loss; the paper's is 1", 0.0, 1000.0);
  fields.number("learning_rate", config.learning_rate, "peak of the schedule", 0.0, 10.0);
  fields.choice(
      "schedule", config.schedule,
      {{"constant", Schedule::constant}, {"cosine", Schedule::cosine}, {"wsd", Schedule::wsd}},
      "the learning rate after the warm-up; wsd: constant, then a straight line down");
  fields.integer("warmup_steps", config.warmup_steps, "steps of straight rise to the peak", 0,
                 1 << 30);
  fields.number("final_learning_rate_share", config.final_learning_rate_share,
                "share of the peak at the end of cosine and wsd", 0.0, 1.0);
  fields.number("decay_share", config.decay_share,
                "share of the steps in which wsd goes down; 0: a tenth", 0.0, 1.0);
  fields.number("weight_decay", config.weight_decay, "of AdamW, decoupled", 0.0, 100.0);
  fields.flag("decay_norms_and_embeddings", config.decay_norms_and_embeddings,
              "weight decay on every weight instead of matrices only");
  fields.number("beta1", config.beta1, "decay of AdamW's mean of gradients", 0.0, 0.999999);
  fields.number("beta2", config.beta2, "decay of AdamW's mean of squares", 0.0, 0.99999999);
  fields.number("epsilon", config.epsilon, "added to AdamW's denominator", 1e-30, 1.0);
  fields.number("clip", config.clip, "largest norm of the gradient; 0: not clipped", 0.0, 1e9);
}

}  // namespace

void describe(Fields& fields, Config& config) {
  describe_data(fields, config);
  describe_optimizer(fields, config);
  fields.choice("precision", config.precision,
                {{"fp32", model::Precision::fp32}, {"bf16", model::Precision::bf16}},
                "of matrix products; weights and optimizer are fp32");
  fields.integer("seed", config.seed, "of initial weights and of the order of rows", 0, kMany);
  fields.integer("threads", config.threads,
                 "of the machine; 0: all; other counts may differ in the last bits", 0, 4096);
  fields.text("init_from", config.init_from,
              "folder of a checkpoint to start from; empty: random weights from the seed");
  fields.integer("log_every_steps", config.log_every_steps, "steps a line of metrics.jsonl", 1,
                 1 << 30);
  fields.number("state_every_seconds", config.state_every_seconds,
                "save a state to go on from this often", 0.0, 1e9);
  fields.integer("state_every_steps", config.state_every_steps,
                 "also save one at each multiple of this; 0: by the clock alone", 0, kMany);
  fields.integer("keep_states", config.keep_states, "how many of the newest states stay on disk", 1,
                 1'000'000);
}

void check(const Config& config) {
  if (config.train_tokens > 0 && config.epochs > 0) {
    user_error("train: train_tokens = {} and epochs = {} both say when to stop; set one",
               config.train_tokens, config.epochs);
  }
  if (config.schedule != Schedule::wsd && config.decay_share != 0.0) {
    user_error("train.decay_share: got {}, but only schedule = \"wsd\" uses it",
               config.decay_share);
  }
  if (config.schedule == Schedule::constant && config.final_learning_rate_share != 0.0) {
    user_error("train.final_learning_rate_share: got {}, but schedule = \"constant\" ignores it",
               config.final_learning_rate_share);
  }
  if (config.objective == Objective::answers && config.thinking_weight != 1.0) {
    user_error("train.thinking_weight: got {}, but objective = \"answers\" ignores it",
               config.thinking_weight);
  }
  if (config.weight_decay == 0.0 && config.decay_norms_and_embeddings) {
    user_error("train.decay_norms_and_embeddings: weight_decay = 0 ignores it");
  }
  if (!config.cross_document_attention && config.rows == pack::RowPolicy::pad) {
    user_error(
        "train.cross_document_attention: got false, but rows = \"pad\" ignores it: a row "
        "holds one sequence");
  }
  const auto& budgets = config.checkpoint_tokens;
  if (config.train_tokens > 0 && !budgets.empty() &&
      *std::max_element(budgets.begin(), budgets.end()) > config.train_tokens) {
    user_error("train.checkpoint_tokens: got {}, allowed up to train_tokens = {}",
               *std::max_element(budgets.begin(), budgets.end()), config.train_tokens);
  }
}

Json recipe_of(const Config& config) {
  Config copy = config;
  Fields fields("train");
  describe(fields, copy);
  Json recipe = fields.to_json();
  for (const char* watched :
       {"threads", "log_every_steps", "state_every_seconds", "state_every_steps", "keep_states"}) {
    recipe.erase(watched);
  }
  return recipe;
}

}  // namespace tpt::train
