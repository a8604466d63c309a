// What training will take: memory by part, whether it fits, and how long.
#pragma once

#include "base/config.h"
#include "base/json.h"
#include "train/config.h"
#include "train/memory_plan.h"

#include <cstdint>
#include <string>

namespace tpt::app {

struct TrainPlanConfig {
  double memory_gib = 0;  // 0: of the device
  std::int64_t ranks = 1;
  bool shard_moments = true;         // over the ranks: ZeRO-1
  double mfu = 0.4;                  // of the device's peak
  std::int64_t document_tokens = 0;  // mean; 0: a document a row
};

void describe(Fields& fields, TrainPlanConfig& config);

struct TrainPlan {
  std::string device;
  double parameters = 0;
  std::int64_t rows_a_pass = 0;  // of one rank
  train::MemoryPlan memory;
  double device_bytes = 0;     // 0: not known
  std::int64_t most_rows = 0;  // of one pass, where the memory is known
  double tokens_a_step = 0;
  double flops_a_token = 0;
  double tokens = 0;           // 0: not given
  double peak_flops = 0;       // of one device; 0: not known
  double tokens_a_second = 0;  // of all devices; 0: not known
  double days = 0;             // 0: not known

  bool fits() const { return memory.peak <= device_bytes; }
};

// `device`: "cpu", a short name (train/devices.h), or a driver's name of one. `model` is resolved.
// Error(user) for a device that is not known where no memory is given, and for rows that are longer
// than the model has positions.
TrainPlan make_train_plan(const model::Config& model, const train::Config& config,
                          const TrainPlanConfig& plan, const std::string& device);
Json to_json(const TrainPlan& plan);

}  // namespace tpt::app
