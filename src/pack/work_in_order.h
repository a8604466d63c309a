// Rows through N threads and out again in the order they came.
#pragma once

#include "base/source.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace tpt::pack {

// Runs tasks on its threads until it is destroyed; tasks that have not begun by then are dropped.
class Workers {
 public:
  explicit Workers(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      tasks_.clear();
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  void add(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    ready_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ready_.wait(lock, [this] { return closed_ || !tasks_.empty(); });
      if (closed_) {
        return;
      }
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

// Calls work(row) on `threads` threads and take(result) on this one, in the order of `source`. Rows
// travel in batches of about `batch_bytes` by bytes_of(row), and a few batches a thread are in
// memory. An exception of any of the calls ends it and comes out here.
template <typename Result, typename T>
void work_in_order(Source<T>& source, std::size_t threads, std::size_t batch_bytes,
                   const std::function<std::size_t(const T&)>& bytes_of,
                   const std::function<Result(const T&)>& work,
                   const std::function<void(Result)>& take) {
  constexpr std::size_t kMaxRows = 256;
  using Results = std::vector<Result>;
  Workers workers(std::max<std::size_t>(1, threads));
  std::deque<std::future<Results>> in_flight;
  const auto take_first = [&] {
    Results results = in_flight.front().get();
    in_flight.pop_front();
    for (Result& result : results) {
      take(std::move(result));
    }
  };
  for (bool more = true; more;) {
    auto batch = std::make_shared<std::vector<T>>();
    std::size_t bytes = 0;
    for (T row; bytes < batch_bytes && batch->size() < kMaxRows && (more = source.next(row));) {
      bytes += bytes_of(row);
      batch->push_back(std::move(row));
    }
    auto task = std::make_shared<std::packaged_task<Results()>>([batch, &work] {
      Results results;
      for (const T& row : *batch) {
        results.push_back(work(row));
      }
      batch->clear();
      return results;
    });
    in_flight.push_back(task->get_future());
    workers.add([task] { (*task)(); });
    if (in_flight.size() > 2 * threads + 2) {
      take_first();
    }
  }
  while (!in_flight.empty()) {
    take_first();
  }
}

}  // namespace tpt::pack
