#include "engine/mock_slots.h"

namespace tpt::engine {

MockSlots::Slot MockSlots::make_slot() {
  return {this, [](void* slots) { static_cast<MockSlots*>(slots)->give_back(); }};
}

void MockSlots::set_limit(std::int64_t limit) {
  {
    const std::lock_guard lock(mutex_);
    limit_ = limit;
  }
  serve();
}

MockSlots::Slot MockSlots::try_take() {
  {
    const std::lock_guard lock(mutex_);
    if (limit_ > 0 && (taken_ >= limit_ || !waiters_.empty())) return nullptr;
    ++taken_;
  }
  return make_slot();
}

void MockSlots::wait(std::size_t loop, std::weak_ptr<void> alive, std::function<void(Slot)> go) {
  {
    const std::lock_guard lock(mutex_);
    while (!waiters_.empty() && waiters_.front().alive.expired()) waiters_.pop_front();
    waiters_.push_back({loop, std::move(alive), std::move(go)});
  }
  serve();
}

void MockSlots::give_back() {
  {
    const std::lock_guard lock(mutex_);
    --taken_;
  }
  serve();
}

// One at a time and not from within itself: a place that is dropped on the way comes back here.
void MockSlots::serve() {
  std::unique_lock lock(mutex_);
  if (serving_) return;
  serving_ = true;
  while (!waiters_.empty() && (limit_ == 0 || taken_ < limit_)) {
    Waiter next = std::move(waiters_.front());
    waiters_.pop_front();
    if (next.alive.expired()) continue;
    ++taken_;
    lock.unlock();
    const std::size_t loop = next.loop;
    post_(loop, [slot = make_slot(), waiter = std::move(next)] {
      if (const std::shared_ptr<void> kept = waiter.alive.lock()) waiter.go(slot);
    });
    lock.lock();
  }
  serving_ = false;
}

}  // namespace tpt::engine
