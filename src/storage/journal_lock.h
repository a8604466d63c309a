// The lock beside a journal, and in it how many entries the journal has for certain.
#pragma once

#include "storage/file_lock.h"

#include <cstdint>
#include <filesystem>

namespace tpt::storage {

class JournalLock {
 public:
  // Error(user) where another process holds it.
  explicit JournalLock(const std::filesystem::path& path) : lock_(path) {}

  // What was noted last; 0 for a new file. A note may be older than the journal, never newer.
  std::int64_t noted() const;
  void note(std::int64_t entries) const;

 private:
  FileLock lock_;
};

}  // namespace tpt::storage
