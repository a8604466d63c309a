// The time of a fleet, so that tests can run hours of it in no time.
#pragma once

#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>

namespace tpt::augment {

inline constexpr double kNever = std::numeric_limits<double>::infinity();

class FleetClock {
 public:
  // Does what is due and gives the time at which it wants to be called again; kNever: not at all.
  using Tick = std::function<double()>;

  virtual ~FleetClock() = default;
  // Seconds since some moment; never goes back.
  virtual double now_seconds() const = 0;
  // From now on `tick` is called at the times it asks for, one call at a time.
  virtual void start(Tick tick) = 0;
  // Calls `tick` at `seconds` too. Any thread may call it, `tick` as well.
  virtual void wake_at(double seconds) = 0;
  // Waits for a call that is running; after that `tick` is not called any more.
  virtual void stop() = 0;
};

// The machine's steady clock and one thread that sleeps until the next call is due. Setting the
// time of day does not touch it.
class SteadyClock : public FleetClock {
 public:
  SteadyClock() = default;
  ~SteadyClock() override;
  double now_seconds() const override;
  void start(Tick tick) override;
  void wake_at(double seconds) override;
  void stop() override;

 private:
  void run(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  double wake_seconds_ = kNever;
  Tick tick_;
  std::jthread thread_;
};

}  // namespace tpt::augment
