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

void describe_loss(Fields& fields, Config& config) {
  fields.choice("objective", config.objective,
                {{"all", Objective::all}, {"answers", Objective::answers}},
                "targets that carry loss: every token, or those of kind answer");
  fields.number("document_weight", config.document_weight,
                "weight of document targets in the loss; the paper's is 1", 0.0, 1000.0);
  fields.number("thinking_weight", config.thinking_weight,
                "weight of thinking targets in the loss; the paper's is 1", 0.0, 1000.0);
  fields.number("special_weight", config.special_weight,
                "weight of tags, separators and ends of documents in the loss; the paper's is 1",
                0.0, 1000.0);
}

void describe_schedule(Fields& fields, Config& config) {
  fields.number("learning_rate", config.learning_rate, "peak of the schedule", 0.0, 10.0);
  fields.choice("schedule", config.schedule,
                {{"constant", Schedule::constant},
                 {"cosine", Schedule::cosine},
                 {"linear", Schedule::linear},
                 {"wsd", Schedule::wsd}},
                "the learning rate after the warm-up; wsd: constant, then a straight line down");
  fields.integer("warmup_steps", config.warmup_steps, "steps of straight rise to the peak", 0,
                 1 << 30);
  fields.number("final_learning_rate_share", config.final_learning_rate_share,
                "share of the peak at the end of cosine, linear and wsd", 0.0, 1.0);
  fields.number("decay_share", config.decay_share,
                "share of the steps in which wsd goes down; 0: a tenth", 0.0, 1.0);
}

void describe_optimizer(Fields& fields, Config& config) {
  fields.choice("optimizer", config.optimizer,
                {{"adamw", OptimizerKind::adamw}, {"muon", OptimizerKind::muon}},
                "muon: for the matrices inside the network, AdamW for the rest");
  fields.number("weight_decay", config.weight_decay, "decoupled", 0.0, 100.0);
  fields.flag("decay_norms_and_embeddings", config.decay_norms_and_embeddings,
              "weight decay on every weight instead of matrices only");
  fields.number("beta1", config.beta1, "decay of AdamW's mean of gradients", 0.0, 0.999999);
  fields.number("beta2", config.beta2, "decay of AdamW's mean of squares", 0.0, 0.99999999);
  fields.number("epsilon", config.epsilon, "added to AdamW's denominator", 1e-30, 1.0);
  fields.number("muon_momentum", config.muon_momentum, "decay of Muon's mean of gradients", 0.0,
                0.999999);
  fields.number("clip", config.clip, "largest norm of the gradient; 0: not clipped", 0.0, 1e9);
  fields.number("ema_decay", config.ema_decay,
                "also keep the exponential moving average of the weights, saved beside each "
                "checkpoint; 0: none",
                0.0, 0.99999999);
}

void describe_spikes(Fields& fields, Config& config) {
  fields.choice("on_spike", config.on_spike,
                {{"skip", OnSpike::skip}, {"rollback", OnSpike::rollback}, {"stop", OnSpike::stop}},
                "after a step whose loss or gradient is not finite or stands out, and whose update "
                "was left out");
  fields.number("spike_sigmas", config.spike_sigmas,
                "a loss or gradient norm stands out from the window by so many standard "
                "deviations; 0: only where it is not finite",
                0.0, 1000.0);
  fields.integer("spike_window", config.spike_window, "steps that a step is compared with", 2,
                 1 << 20);
}

void describe_processes(Fields& fields, Config& config) {
  fields.flag("shard_optimizer", config.shard_optimizer,
              "each process keeps moments and average of its share of the weights alone (ZeRO-1)");
  fields.number("bucket_mib", config.bucket_mib,
                "gradients that processes add up at once, while the backward pass goes on", 1e-3,
                1e5);
  fields.integer("compare_weights_every_steps", config.compare_weights_every_steps,
                 "check at each multiple of this that all processes have the same weights to the "
                 "bit; 0: at the start alone",
                 0, kMany);
  fields.number("process_timeout_seconds", config.process_timeout_seconds,
                "a process that does not answer the others for so long ends them all", 1.0, 1e6);
}

void describe_records(Fields& fields, Config& config) {
  fields.texts("held_out", config.held_out,
               "folders of shards whose loss is taken on the way, document and thinking apart");
  fields.integer("held_out_every_steps", config.held_out_every_steps,
                 "take it at each multiple of this, and at the end; 0: at the end", 0, kMany);
  fields.integer("held_out_rows", config.held_out_rows, "rows of each folder; 0: all", 0, kMany);
  fields.integer("log_every_steps", config.log_every_steps, "steps a line of metrics.jsonl", 1,
                 1 << 30);
  fields.number("state_every_seconds", config.state_every_seconds,
                "save a state to go on from this often", 0.0, 1e9);
  fields.integer("state_every_steps", config.state_every_steps,
                 "also save one at each multiple of this; 0: by the clock alone", 0, kMany);
  fields.integer("keep_states", config.keep_states, "how many of the newest states stay on disk", 1,
                 1'000'000);
}

void check_schedule(const Config& config) {
  if (config.schedule != Schedule::wsd && config.decay_share != 0.0) {
    user_error("train.decay_share: got {}, but only schedule = \"wsd\" uses it",
               config.decay_share);
  }
  if (config.schedule == Schedule::constant && config.final_learning_rate_share != 0.0) {
    user_error("train.final_learning_rate_share: got {}, but schedule = \"constant\" ignores it",
               config.final_learning_rate_share);
  }
}

void check_loss(const Config& config) {
  const std::pair<const char*, double> weights[] = {{"document_weight", config.document_weight},
                                                    {"thinking_weight", config.thinking_weight},
                                                    {"special_weight", config.special_weight}};
  for (const auto& [name, weight] : weights) {
    if (config.objective == Objective::answers && weight != 1.0) {
      user_error("train.{}: got {}, but objective = \"answers\" ignores it", name, weight);
    }
  }
  if (config.weight_decay == 0.0 && config.decay_norms_and_embeddings) {
    user_error("train.decay_norms_and_embeddings: weight_decay = 0 ignores it");
  }
  if (config.on_spike == OnSpike::rollback && config.state_every_steps == 0) {
    user_error(
        "train.on_spike: rollback goes back to a state at a multiple of state_every_steps, which "
        "is 0; set it");
  }
  if (config.rope_base_factor != 1.0 && config.init_from.empty()) {
    user_error("train.rope_base_factor: only with init_from; else set model.rope_theta");
  }
  if (config.held_out.empty() && (config.held_out_every_steps != 0 || config.held_out_rows != 0)) {
    user_error("train.held_out_every_steps, held_out_rows: without held_out they are ignored");
  }
}

}  // namespace

void describe(Fields& fields, Config& config) {
  describe_data(fields, config);
  describe_loss(fields, config);
  describe_schedule(fields, config);
  describe_optimizer(fields, config);
  describe_spikes(fields, config);
  fields.choice("precision", config.precision,
                {{"fp32", model::Precision::fp32}, {"bf16", model::Precision::bf16}},
                "of matrix products; weights and optimizer are fp32");
  fields.flag("recompute_layers", config.recompute_layers,
              "keep only the input of each layer and run it again in the backward pass: less "
              "memory, a third more work, the same numbers");
  fields.text("device", config.device,
              "cpu, cuda (of more GPUs that with the process's local rank), cuda:N; auto: a GPU "
              "where there is one");
  fields.flag("deterministic", config.deterministic,
              "on a GPU: kernels that give the same bits again, somewhat slower; without, a "
              "resumed run is near the uninterrupted one, not the same");
  fields.integer("seed", config.seed, "of initial weights and of the order of rows", 0, kMany);
  fields.integer(
      "threads", config.threads,
      "of this process; 0: all cores, divided among the processes of the machine; other counts "
      "may differ in the last bits",
      0, 4096);
  fields.text("init_from", config.init_from,
              "folder of a checkpoint to start from; empty: random weights from the seed");
  fields.number("rope_base_factor", config.rope_base_factor,
                "multiplies the rotary base of init_from, for longer rows than it was trained on",
                1e-3, 1e6);
  describe_processes(fields, config);
  describe_records(fields, config);
}

void check(const Config& config) {
  if (config.train_tokens > 0 && config.epochs > 0) {
    user_error("train: train_tokens = {} and epochs = {} both say when to stop; set one",
               config.train_tokens, config.epochs);
  }
  check_schedule(config);
  check_loss(config);
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
       {"threads", "log_every_steps", "state_every_seconds", "keep_states", "on_spike", "held_out",
        "held_out_every_steps", "held_out_rows", "recompute_layers", "device", "deterministic",
        "shard_optimizer", "bucket_mib", "compare_weights_every_steps",
        "process_timeout_seconds"}) {
    recipe.erase(watched);
  }
  // Other states to go back to are other weights, where a run goes back at all.
  if (config.on_spike != OnSpike::rollback) {
    recipe.erase("state_every_steps");
  }
  return recipe;
}

double loss_weight(const Config& config, Kind kind) {
  if (config.objective == Objective::answers) {
    return kind == Kind::answer ? 1.0 : 0.0;
  }
  switch (kind) {
    case Kind::document:
      return config.document_weight;
    case Kind::thinking:
      return config.thinking_weight;
    case Kind::special:
      return config.special_weight;
    case Kind::prompt:
    case Kind::answer:
      return 1.0;
    case Kind::padding:
      return 0.0;
  }
  TPT_CHECK(false, "kind {}", static_cast<int>(kind));
}

}  // namespace tpt::train
