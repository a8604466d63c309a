#include "train/whole_folder.h"

#include "base/error.h"
#include "storage/atomic_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace tpt::train {
namespace {

void sync_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    io_error("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  }
  const int result = ::fsync(file);
  const int problem = errno;
  ::close(file);
  if (result != 0) {
    io_error("{}: cannot be made durable: {}", path.string(), std::strerror(problem));
  }
}

}  // namespace

void write_whole_folder(const std::filesystem::path& path,
                        const std::function<void(const std::filesystem::path&)>& fill) {
  const std::filesystem::path partial = path.string() + ".partial";
  std::error_code problem;
  std::filesystem::remove_all(partial, problem);
  std::filesystem::create_directories(partial, problem);
  if (problem) {
    io_error("{}: cannot be created: {}", partial.string(), problem.message());
  }
  fill(partial);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(partial)) {
    sync_file(entry.path());
  }
  sync_file(partial);
  std::filesystem::remove_all(path, problem);
  std::filesystem::rename(partial, path, problem);
  if (problem) {
    io_error("{}: cannot be renamed to {}: {}", partial.string(), path.string(), problem.message());
  }
  storage::sync_folder(path);
}

}  // namespace tpt::train
