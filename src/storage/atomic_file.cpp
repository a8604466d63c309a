#include "storage/atomic_file.h"

#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tpt::storage {

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), partial_(path_.string() + ".partial") {
  file_ = std::fopen(partial_.c_str(), "wb");
  if (file_ == nullptr) io_error("cannot write {}: {}", partial_.string(), std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::error_code ignored;
  std::filesystem::remove(partial_, ignored);
}

void AtomicFile::write(std::string_view bytes) {
  TPT_CHECK(file_ != nullptr, "write after commit");
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    io_error("cannot write {}: {}", partial_.string(), std::strerror(errno));
  }
}

void AtomicFile::commit() {
  TPT_CHECK(file_ != nullptr, "commit twice");
  const bool flushed = std::fflush(file_) == 0 && fsync(fileno(file_)) == 0;
  const int flush_problem = errno;
  const bool closed = std::fclose(file_) == 0;
  const int close_problem = errno;
  file_ = nullptr;
  std::error_code problem;
  if (!flushed || !closed) {
    std::filesystem::remove(partial_, problem);
    io_error("cannot write {}: {}", partial_.string(),
             std::strerror(flushed ? close_problem : flush_problem));
  }
  std::filesystem::rename(partial_, path_, problem);
  if (problem) {
    const std::string why = problem.message();
    std::filesystem::remove(partial_, problem);
    io_error("cannot write {}: {}", path_.string(), why);
  }
  sync_folder(path_);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

std::string read_file(const std::filesystem::path& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) io_error("cannot read {}: {}", path.string(), std::strerror(errno));
  std::string bytes;
  char buffer[1 << 16];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), file)) > 0;) {
    bytes.append(buffer, got);
  }
  const bool failed = std::ferror(file) != 0;
  const int problem = errno;
  std::fclose(file);
  if (failed) io_error("cannot read {}: {}", path.string(), std::strerror(problem));
  return bytes;
}

void sync_folder(const std::filesystem::path& path) {
  const auto parent = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  const int folder = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) io_error("cannot open {}: {}", parent.string(), std::strerror(errno));
  // Some file systems refuse to sync folders; there the rename is as durable as it gets.
  const bool failed = fsync(folder) != 0 && errno != EINVAL && errno != EROFS;
  const int problem = errno;
  close(folder);
  if (failed) io_error("cannot sync {}: {}", parent.string(), std::strerror(problem));
}

}  // namespace tpt::storage
