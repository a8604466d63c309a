#include "storage/file_lock.h"

#include "base/error.h"
#include "base/log.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace tpt::storage {
namespace {

// Lustre without -o flock, some FUSE and network file systems.
bool locks_nothing(int problem) {
  return problem == ENOSYS || problem == EOPNOTSUPP || problem == ENOLCK;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, WithoutLocks without_locks)
    : path_(path.string()) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) io_error("cannot open {}: {}", path_, std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const int problem = errno;
  if (locks_nothing(problem) && without_locks == WithoutLocks::warn) {
    log_warning("{} cannot be locked ({}): nothing keeps a second process out of this folder",
                path_, std::strerror(problem));
    return;
  }
  close(descriptor_);
  if (problem != EWOULDBLOCK) io_error("cannot lock {}: {}", path_, std::strerror(problem));
  user_error("{} is in use: another process works on this folder", path_);
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace tpt::storage
