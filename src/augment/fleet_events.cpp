#include "augment/fleet_events.h"

#include <fmt/format.h>

#include <algorithm>

namespace tpt::augment {

bool EventGate::pass(FleetEvent& event, double now_seconds) {
  tokens_ = std::min(kBurst, tokens_ + kPerSecond * (now_seconds - filled_seconds_));
  filled_seconds_ = now_seconds;
  if (tokens_ < 1) {
    ++held_back_;
    return false;
  }
  tokens_ -= 1;
  if (held_back_ > 0) {
    event.message += fmt::format(" ({} more such messages held back)", held_back_);
    held_back_ = 0;
  }
  return true;
}

}  // namespace tpt::augment
