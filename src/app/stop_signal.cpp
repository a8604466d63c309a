#include "app/stop_signal.h"

#include "base/log.h"

#include <csignal>
#include <ctime>
#include <unistd.h>

namespace tpt::app {
namespace {

constexpr int kExitInterrupted = 130;

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  waiter_ = std::thread([this] { wait(); });
}

StopSignal::~StopSignal() {
  done_ = true;
  waiter_.join();
}

void StopSignal::wait() {
  const sigset_t signals = stop_signals();
  const timespec pause{.tv_sec = 0, .tv_nsec = 50'000'000};
  while (!done_) {
    if (sigtimedwait(&signals, nullptr, &pause) <= 0) continue;
    if (stop_.stop_requested()) _exit(kExitInterrupted);
    log_info("stopping: finishing what is in flight and saving it; once more to stop at once");
    stop_.request_stop();
  }
}

}  // namespace tpt::app
