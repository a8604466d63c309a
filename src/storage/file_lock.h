// One process at a time: a file that the kernel locks for it.
#pragma once

#include <filesystem>
#include <string>

namespace tpt::storage {

// The kernel drops the lock with the process, however that ends.
class FileLock {
 public:
  // What to do on a file system that locks no files.
  enum class WithoutLocks { refuse, warn };

  // Makes the file where there is none. Error(user) "PATH is in use: ..." where another process
  // holds it, Error(io) where it cannot be opened or locked.
  explicit FileLock(const std::filesystem::path& path,
                    WithoutLocks without_locks = WithoutLocks::refuse);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  // Of the open file, for reading and writing.
  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace tpt::storage
