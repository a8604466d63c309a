#include "train/thread_scope.h"

#include <ATen/Parallel.h>

#include <thread>

namespace tpt::train {

ThreadScope::ThreadScope(std::int64_t threads) : before_(at::get_num_threads()) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(threads > 0 ? static_cast<int>(threads) : std::max(1, cores));
}

ThreadScope::~ThreadScope() { at::set_num_threads(before_); }

}  // namespace tpt::train
