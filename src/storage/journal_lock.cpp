#include "storage/journal_lock.h"

#include "base/error.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <unistd.h>

namespace tpt::storage {
namespace {

// Always as long, so that a note replaces the one before it.
constexpr int kNoteBytes = 21;

}  // namespace

std::int64_t JournalLock::noted() const {
  char text[kNoteBytes] = {};
  const ssize_t got = pread(lock_.descriptor(), text, sizeof(text), 0);
  if (got < 0) io_error("cannot read {}: {}", lock_.path(), std::strerror(errno));
  std::int64_t entries = 0;
  // Anything else than a note says nothing: the journal is what counts.
  std::from_chars(text, text + got, entries);
  return entries;
}

void JournalLock::note(std::int64_t entries) const {
  const std::string text = fmt::format("{:<20}\n", entries);
  if (pwrite(lock_.descriptor(), text.data(), text.size(), 0) !=
      static_cast<ssize_t>(text.size())) {
    io_error("cannot write {}: {}", lock_.path(), std::strerror(errno));
  }
}

}  // namespace tpt::storage
