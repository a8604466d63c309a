// What a fleet has to do later, by time. A timer is never taken back: whoever is woken looks
// whether there is still something to do.
#pragma once

#include "augment/fleet_clock.h"

#include <cstdint>
#include <queue>
#include <vector>

namespace tpt::augment {

enum class TimerKind : std::uint8_t {
  retry,        // a request's wait is over
  hedge,        // a request may be a straggler by now
  deadline,     // of a request
  grace,        // an attempt that was to be cancelled did not come back
  pause,        // an endpoint may be asked again
  probe,        // a downed endpoint may be up
  probe_limit,  // a probe did not come back
  farewell,     // the engine of an endpoint that left is to be let go
  upkeep        // what is looked at every second
};

struct Timer {
  double seconds = 0;
  TimerKind kind = TimerKind::upkeep;
  std::uint64_t id = 0;      // of the request or the endpoint
  std::uint64_t serial = 0;  // which of its attempts, probes, ...
};

class Timers {
 public:
  void add(Timer timer) { heap_.push(timer); }
  double next_seconds() const { return heap_.empty() ? kNever : heap_.top().seconds; }
  // Takes the earliest; there must be one.
  Timer take() {
    const Timer timer = heap_.top();
    heap_.pop();
    return timer;
  }

 private:
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return a.seconds > b.seconds; }
  };
  std::priority_queue<Timer, std::vector<Timer>, Later> heap_;
};

}  // namespace tpt::augment
