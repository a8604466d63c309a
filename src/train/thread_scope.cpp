#include "train/thread_scope.h"

#include <ATen/Parallel.h>

#include <thread>

namespace tpt::train {

ThreadScope::ThreadScope(std::int64_t threads, std::int64_t processes)
    : before_(at::get_num_threads()) {
  const std::int64_t cores = std::thread::hardware_concurrency();
  const std::int64_t share =
      std::max<std::int64_t>(1, cores / std::max<std::int64_t>(1, processes));
  at::set_num_threads(static_cast<int>(threads > 0 ? threads : share));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace tpt::train
