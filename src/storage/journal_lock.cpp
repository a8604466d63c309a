#include "storage/journal_lock.h"

#include "base/error.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace tpt::storage {
namespace {

// Always as long, so that a note replaces the one before it.
constexpr int kNoteBytes = 21;

}  // namespace

JournalLock::JournalLock(const std::filesystem::path& path) : path_(path.string()) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) io_error("cannot open {}: {}", path_, std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int problem = errno;
    close(descriptor_);
    if (problem != EWOULDBLOCK) io_error("cannot lock {}: {}", path_, std::strerror(problem));
    user_error("{} is in use: another process works on this folder", path_);
  }
}

JournalLock::~JournalLock() { close(descriptor_); }

std::int64_t JournalLock::noted() const {
  char text[kNoteBytes] = {};
  const ssize_t got = pread(descriptor_, text, sizeof(text), 0);
  if (got < 0) io_error("cannot read {}: {}", path_, std::strerror(errno));
  std::int64_t entries = 0;
  // Anything else than a note says nothing: the journal is what counts.
  std::from_chars(text, text + got, entries);
  return entries;
}

void JournalLock::note(std::int64_t entries) const {
  const std::string text = fmt::format("{:<20}\n", entries);
  if (pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    io_error("cannot write {}: {}", path_, std::strerror(errno));
  }
}

}  // namespace tpt::storage
