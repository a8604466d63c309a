#include "train/run_records.h"

#include "train/device_choice.h"
#include "train/throughput.h"

#include <algorithm>

namespace tpt::train {
namespace {

// A measurement of a quarter of a second is for runs that last.
constexpr double kLongRunSeconds = 10.0;

std::filesystem::path events_path(const std::filesystem::path& folder) {
  const std::filesystem::path events = folder / "tensorboard";
  std::filesystem::create_directories(events);
  return events / "events.out.tfevents.0.tpt";
}

// Numbers of a line as tags in groups: "loss_document" -> "loss/document".
std::vector<std::pair<std::string, double>> scalars_of(const Json& line, const std::string& group) {
  std::vector<std::pair<std::string, double>> scalars;
  for (const auto& [key, value] : line.items()) {
    if (!value.is_number() || key == "step") {
      continue;
    }
    std::string tag = key;
    for (const std::string prefix : {"loss", "bits_per_byte"}) {
      if (tag.starts_with(prefix + "_")) {
        tag[prefix.size()] = '/';
      } else if (tag == prefix) {
        tag += "/all";
      }
    }
    scalars.emplace_back(group + tag, value.get<double>());
  }
  return scalars;
}

}  // namespace

RunRecords::RunRecords(const std::filesystem::path& folder, const Config& config,
                       const RunState& state)
    : precision_(config.precision),
      metrics_(folder / "metrics.jsonl", state.metrics_bytes),
      events_(events_path(folder), state.events_bytes),
      start_(Clock::now()),
      line_start_(start_),
      seconds_before_(state.seconds) {
  if (const at::Device device = device_of(config); device.is_cuda()) {
    gpu_ = device_name(device);
  }
}

double RunRecords::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
}

void RunRecords::add_speed(const RunState& state, MetricsLine& line) {
  const Clock::time_point now = Clock::now();
  const double elapsed = std::chrono::duration<double>(now - line_start_).count();
  line.seconds = seconds();
  if (elapsed > 0) {
    line.tokens_per_second = static_cast<double>(state.tokens - state.line_tokens) / elapsed;
    line.flops_per_second = (state.flops - state.line_flops) / elapsed;
  }
  add_share_of_peak(now, state.processes, line);
  line_start_ = Clock::now();
}

// Of as many devices, or shares of the cores, as there are processes.
void RunRecords::add_share_of_peak(Clock::time_point now, std::int64_t processes,
                                   MetricsLine& line) {
  const double own_flops = line.flops_per_second / static_cast<double>(processes);
  if (gpu_) {
    if (const auto peak = peak_flops(*gpu_, precision_)) {
      line.peak_name = "mfu";
      line.peak_share = own_flops / *peak;
    }
    return;
  }
  line.peak_name = "gemm_share";  // of a CPU, whose peak no table has
  if (!gemm_flops_ && std::chrono::duration<double>(now - start_).count() >= kLongRunSeconds) {
    gemm_flops_ = measured_gemm_flops(precision_);
  }
  if (gemm_flops_) {
    line.peak_share = own_flops / *gemm_flops_;
  }
}

void RunRecords::append(const RunState& state, const Tally& tally, double learning_rate,
                        double gradient_norm) {
  MetricsLine line{.step = state.steps,
                   .tokens = state.tokens,
                   .tally = tally,
                   .learning_rate = learning_rate,
                   .gradient_norm = gradient_norm,
                   .skipped = state.skipped_since_line};
  add_speed(state, line);
  const Json json = to_json(line);
  metrics_.append(json);
  events_.append(state.steps, scalars_of(json, ""));
}

void RunRecords::append(const RunState& state, const HeldOutLine& line) {
  Json json = {{"step", state.steps}, {"tokens", state.tokens}, {"held_out", line.name}};
  if (line.of_average) {
    json["of"] = "average";
  }
  add_losses(line.tally, json);
  metrics_.append(json);
  json.erase("tokens");
  events_.append(state.steps, scalars_of(json, "held_out/" + line.name + "/" +
                                                   (line.of_average ? "average/" : "")));
}

void RunRecords::sync(RunState& state) {
  state.metrics_bytes = metrics_.sync();
  state.events_bytes = events_.sync();
  state.seconds = seconds();
}

}  // namespace tpt::train
