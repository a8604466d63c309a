// What an experiment compares: arms that differ only in what follows each document, over seeds.
#pragma once

#include "base/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::app {

struct ExperimentConfig {
  std::vector<std::string> arms = {"vanilla", "tpt", "shuffled"};
  std::vector<std::int64_t> seeds = {1, 2};
  std::int64_t parallel = 0;  // runs at once; 0: one for each core
  std::int64_t held_out_rows = 200;
};

void describe(Fields& fields, ExperimentConfig& config);

// Where questions, fine-tuning examples and held-out documents come from when there is no [lab].
struct TaskConfig {
  std::string questions;
  std::string examples;
  std::vector<std::string> held_out;
  double chance = 0;  // accuracy of guessing
};

void describe(Fields& fields, TaskConfig& config);

}  // namespace tpt::app
