// The lock beside a journal, and in it how many entries the journal has for certain.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace tpt::storage {

// The kernel drops the lock with the process, however that ends.
class JournalLock {
 public:
  // Error(user) where another process holds it.
  explicit JournalLock(const std::filesystem::path& path);
  ~JournalLock();
  JournalLock(const JournalLock&) = delete;
  JournalLock& operator=(const JournalLock&) = delete;

  // What was noted last; 0 for a new file. A note may be older than the journal, never newer.
  std::int64_t noted() const;
  void note(std::int64_t entries) const;

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace tpt::storage
