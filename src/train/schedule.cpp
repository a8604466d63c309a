#include "train/schedule.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tpt::train {
namespace {

constexpr double kUsualDecayShare = 0.1;

// How far `position` is on the way from `from` to `to`, 0 to 1.
double share_done(double position, double from, double to) {
  return to > from ? std::clamp((position - from) / (to - from), 0.0, 1.0) : 1.0;
}

double share_of_peak(const Config& config, double position, double total_steps) {
  const auto warmup = static_cast<double>(config.warmup_steps);
  if (position < warmup) {
    return (position + 1.0) / (warmup + 1.0);
  }
  const double last = config.final_learning_rate_share;
  switch (config.schedule) {
    case Schedule::constant:
      return 1.0;
    case Schedule::cosine: {
      const double done = share_done(position, warmup, total_steps);
      return last + (1.0 - last) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
    }
    case Schedule::linear:
      return 1.0 - (1.0 - last) * share_done(position, warmup, total_steps);
    case Schedule::wsd: {
      const double decay_share = config.decay_share > 0.0 ? config.decay_share : kUsualDecayShare;
      const double start = std::max(warmup, total_steps * (1.0 - decay_share));
      return position < start ? 1.0 : 1.0 - (1.0 - last) * share_done(position, start, total_steps);
    }
  }
  TPT_CHECK(false, "schedule {}", static_cast<int>(config.schedule));
}

}  // namespace

double learning_rate(const Config& config, double position, double total_steps) {
  return config.learning_rate * share_of_peak(config, position, total_steps);
}

}  // namespace tpt::train
