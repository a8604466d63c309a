// What a fleet tells the person who watches it: a few lines a second at most.
#pragma once

#include "augment/fleet.h"

#include <cstdint>
#include <vector>

namespace tpt::augment {

// Lets a burst through, then a few a second; the next one that passes says how many did not.
class EventGate {
 public:
  // True where `event` may be told; it then ends with the number of those that were held back.
  bool pass(FleetEvent& event, double now_seconds);

 private:
  double tokens_ = kBurst;
  double filled_seconds_ = 0;
  std::int64_t held_back_ = 0;

  static constexpr double kBurst = 20;
  static constexpr double kPerSecond = 2;
};

}  // namespace tpt::augment
