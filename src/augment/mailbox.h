// Answers on their way from the engine's threads to the one thread that owns journal and output.
#pragma once

#include "engine/engine.h"

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace tpt::augment {

class Mailbox {
 public:
  struct Letter {
    std::string request;  // which one is answered
    engine::Response response;
  };

  void put(Letter letter) {
    const std::scoped_lock lock(mutex_);
    letters_.push_back(std::move(letter));
    arrived_.notify_one();
  }

  // Everything that has arrived; waits for the first, or until asked to stop.
  std::vector<Letter> take(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, stop, [this] { return !letters_.empty(); });
    return std::exchange(letters_, {});
  }

  // The same without waiting.
  std::vector<Letter> take_arrived() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(letters_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::vector<Letter> letters_;
};

}  // namespace tpt::augment
