#include "augment/pace.h"

#include <algorithm>
#include <cmath>

namespace tpt::augment {

namespace {

constexpr double kShortest = 1e-3;
constexpr double kBinsOfADoubling = 16;
constexpr double kMemorySeconds = 60;

}  // namespace

void Pace::answered(double seconds) {
  const double bin = kBinsOfADoubling * std::log2(std::max(seconds, kShortest) / kShortest);
  ++bins_[std::min(kBins - 1, static_cast<std::size_t>(bin))];
  ++answers_;
}

void Pace::settled(std::int64_t rows, Clock::time_point now) {
  if (last_time_ == Clock::time_point{}) {
    last_time_ = now;
    last_rows_ = rows;
    return;
  }
  const double seconds = std::chrono::duration<double>(now - last_time_).count();
  if (seconds < 1) return;
  const double measured = static_cast<double>(rows - last_rows_) / seconds;
  const double weight = rate_ == 0 ? 1 : 1 - std::exp(-seconds / kMemorySeconds);
  rate_ += weight * (measured - rate_);
  last_time_ = now;
  last_rows_ = rows;
}

double Pace::quantile(double share) const {
  const double wanted = share * static_cast<double>(answers_);
  double below = 0;
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    below += static_cast<double>(bins_[bin]);
    if (below > 0 && below >= wanted) {
      return kShortest * std::exp2((static_cast<double>(bin) + 1) / kBinsOfADoubling);
    }
  }
  return 0;
}

double Pace::seconds_left(std::int64_t rows_left, std::int64_t in_flight) const {
  if (rows_left <= 0) return 0;
  const std::int64_t at_the_end = std::min(rows_left, in_flight);
  if (answers_ == 0 || rate_ <= 0) return -1;
  // Of n answers the slowest is expected near the quantile n / (n + 1).
  const auto last = static_cast<double>(at_the_end);
  const double tail = at_the_end > 0 ? quantile(last / (last + 1)) : 0;
  return static_cast<double>(rows_left - at_the_end) / rate_ + tail;
}

}  // namespace tpt::augment
