#include "augment/fleet_clock.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tpt::augment {

SteadyClock::~SteadyClock() { stop(); }

double SteadyClock::now_seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void SteadyClock::start(Tick tick) {
  tick_ = std::move(tick);
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

void SteadyClock::wake_at(double seconds) {
  const std::scoped_lock lock(mutex_);
  if (seconds < wake_seconds_) {
    wake_seconds_ = seconds;
    changed_.notify_one();
  }
}

void SteadyClock::stop() {
  thread_.request_stop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void SteadyClock::run(std::stop_token stop) {
  // A wait for ever would overflow the clock's own type.
  constexpr double kLongestWait = 3600;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const double wait = wake_seconds_ - now_seconds();
    if (wait > 0) {
      const double asleep_until = wake_seconds_;
      changed_.wait_for(lock, stop, std::chrono::duration<double>(std::min(wait, kLongestWait)),
                        [&] { return wake_seconds_ < asleep_until; });
      continue;
    }
    wake_seconds_ = kNever;
    lock.unlock();
    const double next = tick_();
    lock.lock();
    wake_seconds_ = std::min(wake_seconds_, next);
  }
}

}  // namespace tpt::augment
