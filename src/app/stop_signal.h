// Ctrl-C and SIGTERM as a std::stop_token: the first asks running steps to drain and save, the
// second ends the program at once.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace tpt::app {

class StopSignal {
 public:
  // Blocks both signals in this thread and all made later: construct it before any other thread.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  std::stop_source stop_;
  std::atomic<bool> done_ = false;
  std::thread waiter_;
};

}  // namespace tpt::app
