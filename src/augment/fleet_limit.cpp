#include "augment/fleet_limit.h"

#include <algorithm>
#include <limits>

namespace tpt::augment {

AdaptiveLimit::AdaptiveLimit(std::int64_t start, std::int64_t most, double decrease)
    : start_(
          static_cast<double>(std::clamp<std::int64_t>(start, 1, std::max<std::int64_t>(most, 1)))),
      most_(static_cast<double>(std::max<std::int64_t>(most, 1))),
      decrease_(decrease),
      value_(start_),
      doubles_below_(std::numeric_limits<double>::infinity()),
      cut_seconds_(-std::numeric_limits<double>::infinity()) {}

void AdaptiveLimit::sent(std::int64_t in_flight) { peak_ = std::max(peak_, in_flight); }

void AdaptiveLimit::answered() {
  const bool doubling = value_ < doubles_below_;
  const std::int64_t peak = std::max(peak_, last_peak_);
  // While doubling the limit runs ahead of those who fill it.
  const bool held_back = (doubling ? 2 * peak : peak) >= value();
  if (held_back) {
    value_ = std::min(most_, value_ + (doubling ? 1 : 1 / value_));
  }
  if (++answered_in_round_ >= value()) {
    answered_in_round_ = 0;
    last_peak_ = peak_;
    peak_ = 0;
  }
}

bool AdaptiveLimit::troubled(double sent_seconds, double now_seconds) {
  if (sent_seconds <= cut_seconds_) {
    return false;
  }
  value_ = std::max(1.0, value_ * decrease_);
  doubles_below_ = value_;
  cut_seconds_ = now_seconds;
  answered_in_round_ = 0;
  peak_ = 0;
  last_peak_ = 0;
  return true;
}

void AdaptiveLimit::restart() {
  doubles_below_ = std::max(1.0, value_ / 2);
  value_ = std::min(value_, start_);
  answered_in_round_ = 0;
  peak_ = 0;
  last_peak_ = 0;
}

void AdaptiveLimit::set_most(std::int64_t most) {
  most_ = static_cast<double>(std::max<std::int64_t>(most, 1));
  start_ = std::min(start_, most_);
  value_ = std::min(value_, most_);
}

}  // namespace tpt::augment
