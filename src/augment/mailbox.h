// Answers on their way from the engine's threads to the one thread that owns journal and window.
#pragma once

#include "engine/engine.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

namespace tpt::augment {

class Mailbox {
 public:
  struct Letter {
    std::uint64_t ticket = 0;  // of the request that is answered
    engine::Response response;
  };

  void put(Letter letter) {
    const std::scoped_lock lock(mutex_);
    letters_.push_back(std::move(letter));
    // The reader takes all there are, so only the first wakes it.
    if (letters_.size() == 1) arrived_.notify_one();
  }

  // Everything that has arrived; waits for the first at most `longest`, or until asked to stop.
  std::vector<Letter> take(const std::stop_token& stop, std::chrono::milliseconds longest) {
    std::unique_lock lock(mutex_);
    if (longest.count() > 0) {
      arrived_.wait_for(lock, stop, longest, [this] { return !letters_.empty(); });
    }
    return std::exchange(letters_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::vector<Letter> letters_;
};

}  // namespace tpt::augment
