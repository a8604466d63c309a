// The records of a run: metrics.jsonl, the same as TensorBoard events, and how fast it goes.
#pragma once

#include "train/config.h"
#include "train/event_file.h"
#include "train/metrics.h"
#include "train/state.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tpt::train {

// Loss on held-out shards at a step.
struct HeldOutLine {
  std::string name;         // of the shards' folder
  bool of_average = false;  // of the weights' moving average
  Tally tally;
};

class RunRecords {
 public:
  // Goes on behind the lines and events that `state` has.
  RunRecords(const std::filesystem::path& folder, const Config& config, const RunState& state);

  // One line of what happened since the last one; rate and norm are those of the last step.
  void append(const RunState& state, const Tally& tally, double learning_rate,
              double gradient_norm);
  void append(const RunState& state, const HeldOutLine& line);
  // Makes both files durable and notes their lengths.
  void sync(RunState& state);
  // Seconds in the loop, over all parts of the run.
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;

  void add_speed(const RunState& state, MetricsLine& line);
  void add_share_of_peak(Clock::time_point now, std::int64_t processes, MetricsLine& line);

  model::Precision precision_;
  std::optional<std::string> gpu_;  // its name, where the run is on one
  MetricsFile metrics_;
  EventFile events_;
  std::optional<double> gemm_flops_;  // measured once the run is long enough to care
  Clock::time_point start_, line_start_;
  double seconds_before_ = 0;
};

}  // namespace tpt::train
