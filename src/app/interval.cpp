#include "app/interval.h"

#include "base/error.h"
#include "base/random.h"

#include <algorithm>
#include <cmath>

namespace tpt::app {
namespace {

constexpr std::size_t kDraws = 500;
constexpr std::size_t kMostDrawn = 2000;  // of one draw: more tell no more of its shape
constexpr double kNormal = 1.6449;        // the 95th percentile of the normal distribution
constexpr double kFarthest = 8;

// A mean for documents of another length, and how sure it is.
struct Estimate {
  double mean = 0;
  double error = 0;   // its standard error
  double spread = 0;  // standard deviation of one document around the line
};

Estimate estimate(std::span<const Measured> sample, double target_bytes) {
  const auto count = static_cast<double>(sample.size());
  double bytes = 0;
  double value = 0;
  for (const Measured& each : sample) {
    bytes += each.bytes;
    value += each.value;
  }
  bytes /= count;
  value /= count;
  double bytes_square = 0;
  double together = 0;
  for (const Measured& each : sample) {
    bytes_square += (each.bytes - bytes) * (each.bytes - bytes);
    together += (each.bytes - bytes) * (each.value - value);
  }
  double slope = bytes_square > 0 ? together / bytes_square : 0;
  double level = 1 / count;
  double lever = bytes_square > 0 ? (target_bytes - bytes) / bytes_square : 0;
  // Below all that was seen a line may lead to less than nothing: there it goes through the origin.
  if (value + slope * (target_bytes - bytes) <= 0 && bytes > 0) {
    slope = value / bytes;
    level = target_bytes / bytes / count;
    lever = 0;
  }
  double error_square = 0;
  double spread_square = 0;
  for (const Measured& each : sample) {
    const double off = each.value - value - slope * (each.bytes - bytes);
    const double weight = level + lever * (each.bytes - bytes);
    error_square += weight * weight * off * off;
    spread_square += off * off;
  }
  const double freedom = std::max(1.0, count - 2);
  return {.mean = value + slope * (target_bytes - bytes),
          .error = std::sqrt(error_square * count / freedom),
          .spread = std::sqrt(spread_square / freedom)};
}

// How many of its own standard errors a draw's estimate lies above the truth of the draws, in the
// logarithm; the 5th and 95th percentile.
struct Deviations {
  double low = -kNormal;
  double high = kNormal;
};

Deviations deviations(std::span<const Measured> sample, double target_bytes, std::uint64_t seed) {
  const Estimate truth = estimate(sample, target_bytes);
  std::vector<Measured> drawn(std::min(sample.size(), kMostDrawn));
  std::vector<double> found;
  Random random(seed);
  for (std::size_t i = 0; i < kDraws; ++i) {
    for (Measured& each : drawn) each = sample[random.below(sample.size())];
    const Estimate draw = estimate(drawn, target_bytes);
    if (draw.mean <= 0) {
      found.push_back(-kFarthest);
    } else if (draw.error > 1e-12 * draw.mean) {
      const double off = std::log(draw.mean / truth.mean) / (draw.error / draw.mean);
      found.push_back(std::clamp(off, -kFarthest, kFarthest));
    }
  }
  if (found.size() < kDraws / 2) return {};
  std::sort(found.begin(), found.end());
  const auto at = [&](double share) {
    return found[static_cast<std::size_t>(share * static_cast<double>(found.size() - 1) + 0.5)];
  };
  return {.low = at(0.05), .high = at(0.95)};
}

}  // namespace

Interval scaled(const Interval& interval, double factor) {
  return {interval.low * factor, interval.middle * factor, interval.high * factor};
}

Interval foresee(std::span<const Measured> sample, const Whole& whole, std::uint64_t seed) {
  TPT_CHECK(sample.size() >= 2 && whole.documents > 0, "a sample and a whole");
  const double target_bytes = whole.bytes / whole.documents;
  const Estimate found = estimate(sample, target_bytes);
  if (found.mean <= 0) {
    // The line goes below zero, or there is nothing: only the error is left to tell.
    return {0, 0, whole.documents * kNormal * found.error};
  }
  const double total = whole.documents * found.mean;
  const double error = std::hypot(found.error, found.spread / std::sqrt(whole.documents));
  if (error <= 1e-12 * found.mean) return {total, total, total};
  const Deviations off = deviations(sample, target_bytes, seed);
  const double relative = error / found.mean;
  return {total * std::exp(-off.high * relative), total, total * std::exp(-off.low * relative)};
}

}  // namespace tpt::app
