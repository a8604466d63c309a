// How many threads torch uses in the calling thread, for a while.
#pragma once

#include <cstdint>

namespace tpt::train {

// Of `threads` that a config asks for; 0: one a core, the cores divided among the `processes` of
// the machine (0: not known).
std::int64_t count_threads(std::int64_t threads, std::int64_t processes = 1);

// Sets that count for the calling thread and gives back the old one at the end; other threads keep
// theirs.
class ThreadScope {
 public:
  explicit ThreadScope(std::int64_t threads, std::int64_t processes = 1);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace tpt::train
