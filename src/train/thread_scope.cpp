#include "train/thread_scope.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

namespace tpt::train {

std::int64_t count_threads(std::int64_t threads, std::int64_t processes) {
  if (threads > 0) {
    return threads;
  }
  const std::int64_t cores = std::thread::hardware_concurrency();
  return std::max<std::int64_t>(1, cores / std::max<std::int64_t>(1, processes));
}

ThreadScope::ThreadScope(std::int64_t threads, std::int64_t processes)
    : before_(at::get_num_threads()) {
  at::set_num_threads(static_cast<int>(count_threads(threads, processes)));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace tpt::train
