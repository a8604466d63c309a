// The comparison: for every arm and seed, pre-train from the same initial weights at the same token
// budgets; from every checkpoint the same fine-tuning, then the same questions.
#pragma once

#include "app/recipe.h"
#include "app/stage.h"
#include "app/workspace.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::app {

// Files that the arms share.
struct ExperimentInputs {
  std::filesystem::path rows;         // augmented documents that the filter kept
  std::filesystem::path questions;    // JSONL
  std::filesystem::path examples;     // JSONL; "" for no fine-tuning
  std::vector<std::string> held_out;  // documents; none for no held-out loss
};

// One checkpoint of one run, examined.
struct ExperimentPoint {
  std::string arm;
  std::int64_t seed = 0;
  std::int64_t train_tokens = 0;
  double train_seconds = 0;  // until this checkpoint, by its share of the run's tokens
  double train_flops = 0;
  double document_loss = 0;  // nats a token; NaN where not measured
  eval::Scores scores;
};

struct ExperimentResult {
  std::vector<std::pair<std::string, Json>> packed;  // the pack step's counts of each arm
  std::vector<ExperimentPoint> points;               // by arm, seed, tokens
};

Json to_json(const ExperimentPoint& point);
ExperimentPoint point_from_json(const Json& json);

// How an arm's documents are composed. Error(user) for an unknown name.
pack::Config arm_config(const pack::Config& config, const std::string& arm);

// Runs what is not finished yet, `parallel` runs at once with one thread each, and collects.
ExperimentResult run_experiment(const Recipe& recipe, const ExperimentInputs& inputs,
                                const Workspace& work, Run run);

}  // namespace tpt::app
