// Every option of a training run.
#pragma once

#include "base/config.h"
#include "model/config.h"
#include "pack/row_reader.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::train {

// How the learning rate goes after the warm-up (schedule.h has the formulas).
enum class Schedule { constant, cosine, linear, wsd };

// Which targets carry loss. Padding never does.
enum class Objective {
  all,     // every token: pre-training (the paper, section 2)
  answers  // tokens of kind answer only: fine-tuning
};

enum class OptimizerKind {
  adamw,
  muon  // for the matrices inside the network, AdamW for the rest
};

// What a step does whose loss or gradient is not finite or stands out. Its update is left out in
// any case, and its batch is kept.
enum class OnSpike {
  skip,      // go on with the next batch
  rollback,  // go on with the next batch from the weights of the last state at a multiple of
             // state_every_steps
  stop       // end the run
};

struct Config {
  // Data.
  std::int64_t seq_length = 128;
  pack::RowPolicy rows = pack::RowPolicy::concat;
  bool cross_document_attention = true;
  // Length: either is 0; both 0 is one epoch.
  std::int64_t train_tokens = 0;
  std::int64_t epochs = 0;
  std::vector<std::int64_t> checkpoint_tokens;
  // Batch: an optimizer step sees batch_rows * accumulation rows.
  std::int64_t batch_rows = 32;
  std::int64_t accumulation = 1;
  // Loss.
  Objective objective = Objective::all;
  double document_weight = 1.0;
  double thinking_weight = 1.0;
  double special_weight = 1.0;
  // Optimizer.
  OptimizerKind optimizer = OptimizerKind::adamw;
  double learning_rate = 1e-3;
  Schedule schedule = Schedule::cosine;
  std::int64_t warmup_steps = 20;
  double final_learning_rate_share = 0.0;
  double decay_share = 0.0;
  double weight_decay = 0.1;
  bool decay_norms_and_embeddings = false;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double muon_momentum = 0.95;
  double clip = 1.0;
  double ema_decay = 0.0;
  // Steps to be left out.
  OnSpike on_spike = OnSpike::skip;
  double spike_sigmas = 0.0;
  std::int64_t spike_window = 128;
  // Numbers.
  model::Precision precision = model::Precision::fp32;
  bool recompute_layers = false;
  std::string device = "auto";
  bool deterministic = true;
  std::int64_t seed = 1;
  std::int64_t threads = 0;
  // Many processes.
  bool shard_optimizer = false;
  double bucket_mib = 25.0;
  std::int64_t compare_weights_every_steps = 1000;
  double process_timeout_seconds = 1800.0;
  // Start.
  std::string init_from;
  double rope_base_factor = 1.0;
  // Held-out loss on the way.
  std::vector<std::string> held_out;
  std::int64_t held_out_every_steps = 0;
  std::int64_t held_out_rows = 0;
  // Records.
  std::int64_t log_every_steps = 10;
  double state_every_seconds = 60.0;
  std::int64_t state_every_steps = 0;
  std::int64_t keep_states = 2;
};

void describe(Fields& fields, Config& config);

// Error(user) for options that contradict each other or that would be ignored.
void check(const Config& config);

// The options that decide what the weights become: those that only say how a run is watched or how
// fast it goes are left out, and so is on_spike, so that a run that stopped at a spike can go on. A
// run is resumed only under the same ones.
Json recipe_of(const Config& config);

// The weight of a target in the loss; 0 where it carries none.
double loss_weight(const Config& config, Kind kind);

}  // namespace tpt::train
