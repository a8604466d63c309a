// How many answers are written at one time, and who waits for a place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace tpt::engine {

class MockSlots {
 public:
  using Post = std::function<void(std::size_t loop, std::function<void()> work)>;
  // A place; it goes to the next that waits when it is destroyed.
  using Slot = std::shared_ptr<void>;

  // `post`: how work gets to a loop; it may drop it.
  MockSlots(std::int64_t limit, Post post) : limit_(limit), post_(std::move(post)) {}

  // 0: any number. More places are given out at once.
  void set_limit(std::int64_t limit);

  // Null where all places are taken.
  Slot try_take();
  // Calls `go` with a place on the thread of `loop` when there is one, in the order of the calls;
  // never if `alive` is gone by then.
  void wait(std::size_t loop, std::weak_ptr<void> alive, std::function<void(Slot)> go);

 private:
  struct Waiter {
    std::size_t loop;
    std::weak_ptr<void> alive;
    std::function<void(Slot)> go;
  };
  Slot make_slot();
  void give_back();
  void serve();

  std::mutex mutex_;
  std::int64_t limit_;
  std::int64_t taken_ = 0;
  bool serving_ = false;
  std::deque<Waiter> waiters_;
  Post post_;
};

}  // namespace tpt::engine
