// How fast a count grows of late.
#pragma once

#include <deque>
#include <utility>

namespace tpt::app {

class RateMeter {
 public:
  // The count as it stands after so many seconds; it was 0 after 0 seconds.
  void add(double seconds, double count) {
    last_ = {seconds, count};
    if (seconds < points_.back().first + kStepSeconds) return;
    points_.push_back(last_);
    while (points_.size() > 2 && points_[1].first < seconds - kWindowSeconds) points_.pop_front();
  }
  // A second, over about the last half minute.
  double rate() const {
    const auto& [from, before] = points_.front();
    const auto& [to, now] = last_;
    return now > before && to > from ? (now - before) / (to - from) : 0;
  }

 private:
  static constexpr double kStepSeconds = 0.9;
  static constexpr double kWindowSeconds = 30;
  std::deque<std::pair<double, double>> points_ = {{0, 0}};
  std::pair<double, double> last_;
};

}  // namespace tpt::app
