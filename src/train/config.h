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
enum class Schedule { constant, cosine, wsd };

// Which targets carry loss. Padding never does.
enum class Objective {
  all,     // every token: pre-training (the paper, section 2)
  answers  // tokens of kind answer only: fine-tuning
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
  double thinking_weight = 1.0;
  // Optimizer: AdamW.
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
  double clip = 1.0;
  // Numbers.
  model::Precision precision = model::Precision::fp32;
  std::int64_t seed = 1;
  std::int64_t threads = 0;
  std::string init_from;
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
// fast it goes are left out. A run is resumed only under the same ones.
Json recipe_of(const Config& config);

}  // namespace tpt::train
