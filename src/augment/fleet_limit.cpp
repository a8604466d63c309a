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

bool AdaptiveLimit::held_back() const {
  const std::int64_t peak = std::max(peak_, last_peak_);
  // While doubling the limit runs ahead of those who fill it.
  return (value_ < doubles_below_ ? 2 * peak : peak) >= value();
}

void AdaptiveLimit::answered(const AnsweredRequest& answer) {
  if (held_back()) {
    const double step = value_ < doubles_below_ ? 1 : 1 / value_;
    value_ = std::max(value_, std::min({most_, ceiling_, value_ + step}));
    const bool settled = value_ >= ceiling_;
    take_verdict(gain_.add(answer, value(), settled), answer.answered_seconds);
  }
  if (++answered_in_round_ >= value()) {
    answered_in_round_ = 0;
    last_peak_ = peak_;
    peak_ = 0;
  }
}

void AdaptiveLimit::take_verdict(GainVerdict verdict, double now_seconds) {
  // The first trial comes after so many windows, and brings so much more in flight.
  constexpr std::int64_t kWindows = 4;
  constexpr std::int64_t kMostWindows = 64;
  constexpr double kTrial = 1.6;
  switch (verdict) {
    case GainVerdict::open:
      return;
    case GainVerdict::more:
      ceiling_ = std::numeric_limits<double>::infinity();
      windows_between_trials_ = 0;
      return;
    case GainVerdict::none:
      windows_between_trials_ = std::clamp(2 * windows_between_trials_, kWindows, kMostWindows);
      windows_until_trial_ = windows_between_trials_;
      ceiling_ = std::max(1.0, gain_.level());
      value_ = std::min(value_, ceiling_);
      gain_.skip_until(now_seconds);
      return;
    case GainVerdict::level:
      if (value_ < ceiling_ || --windows_until_trial_ > 0) return;
      ceiling_ = std::max(kTrial * ceiling_, ceiling_ + 1);
  }
}

bool AdaptiveLimit::troubled(double sent_seconds, double now_seconds) {
  if (sent_seconds <= cut_seconds_) {
    return false;
  }
  value_ = std::max(1.0, value_ * decrease_);
  doubles_below_ = value_;
  cut_seconds_ = now_seconds;
  gain_.skip_until(now_seconds);
  answered_in_round_ = 0;
  peak_ = 0;
  last_peak_ = 0;
  return true;
}

void AdaptiveLimit::restart() {
  doubles_below_ = std::max(1.0, value_ / 2);
  value_ = std::min(value_, start_);
  gain_.reset();
  ceiling_ = std::numeric_limits<double>::infinity();
  windows_between_trials_ = 0;
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
