// Work for the disk in a thread of its own, while training goes on.
#pragma once

#include <functional>
#include <future>

namespace tpt::train {

// One piece of work at a time. Its destructor waits for the last one.
class Background {
 public:
  // Waits for the work before, then starts this; throws what the work before threw.
  void start(std::function<void()> work);
  // Until nothing is under way; throws what the work threw.
  void wait();

 private:
  std::future<void> under_way_;
};

}  // namespace tpt::train
