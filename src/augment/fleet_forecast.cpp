#include "augment/fleet_forecast.h"

#include "augment/fleet_clock.h"

#include <algorithm>
#include <cmath>

namespace tpt::augment {

namespace {

constexpr double kSpeedWeight = 0.05;
constexpr double kLengthWeight = 0.02;
constexpr std::size_t kRing = 1024;
constexpr std::size_t kEnough = 50;         // answers that make a quantile worth something
constexpr std::int64_t kBetweenSorts = 64;  // answers
// Where all answers take the same time, the slowest of them is no straggler.
constexpr double kMargin = 1.25;

}  // namespace

void Speed::answered(std::int64_t tokens, double seconds) {
  if (tokens <= 0 || !(seconds > 0)) {
    return;
  }
  const double weight = known() ? kSpeedWeight : 1;
  tokens_ += weight * (static_cast<double>(tokens) - tokens_);
  seconds_ += weight * (seconds - seconds_);
}

void Speed::fade_towards(double usual_tokens_per_second) {
  if (known()) {
    tokens_ += 0.1 * (usual_tokens_per_second * seconds_ - tokens_);
  }
}

double Forecast::predicted_tokens(const engine::Request& request) const {
  const auto cap = static_cast<double>(std::max<std::int64_t>(request.sampling.max_tokens, 1));
  if (request.predicted_tokens > 0) {
    return std::min(cap, static_cast<double>(request.predicted_tokens));
  }
  return std::clamp(answers_ > 0 ? mean_tokens_ : cap / 4, 1.0, cap);
}

void Forecast::answered(std::int64_t tokens, double seconds, double predicted_tokens) {
  // The first answers are the short ones: their plain mean moves fast enough to be corrected.
  const double weight = std::max(kLengthWeight, 1 / static_cast<double>(++answers_));
  mean_tokens_ += weight * (static_cast<double>(tokens) - mean_tokens_);
  const double sample = seconds / std::max(predicted_tokens, 1.0);
  if (seconds_per_token_.size() < kRing) {
    seconds_per_token_.push_back(sample);
  } else {
    seconds_per_token_[next_] = sample;
    next_ = (next_ + 1) % kRing;
  }
  const std::size_t known = seconds_per_token_.size();
  if (known >= kEnough && (known == kEnough || answers_ % kBetweenSorts == 0)) {
    std::vector<double> sorted = seconds_per_token_;
    const auto rank = static_cast<std::size_t>(std::min(
        static_cast<double>(known) - 1, std::floor(quantile_ * static_cast<double>(known))));
    const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(sorted.begin(), at, sorted.end());
    straggler_seconds_per_token_ = kMargin * *at;
  }
}

double Forecast::straggler_seconds(double predicted_tokens) const {
  return straggler_seconds_per_token_ > 0 ? straggler_seconds_per_token_ * predicted_tokens
                                          : kNever;
}

}  // namespace tpt::augment
