// How fast a count grows of late.
#pragma once

#include <deque>
#include <utility>

namespace tpt::app {

class RateMeter {
 public:
  // The count as it stands after so many seconds.
  void add(double seconds, double count) {
    if (!points_.empty() && seconds < points_.back().first + kStepSeconds) return;
    points_.emplace_back(seconds, count);
    while (points_.size() > 2 && points_[1].first < seconds - kWindowSeconds) points_.pop_front();
  }
  // A second, over about the last half minute; 0 where nothing is known.
  double rate() const {
    if (points_.size() < 2) return 0;
    const auto& [from, before] = points_.front();
    const auto& [to, now] = points_.back();
    return now > before ? (now - before) / (to - from) : 0;
  }

 private:
  static constexpr double kStepSeconds = 0.9;
  static constexpr double kWindowSeconds = 30;
  std::deque<std::pair<double, double>> points_;
};

}  // namespace tpt::app
