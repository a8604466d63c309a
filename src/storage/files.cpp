#include "storage/files.h"

#include "base/error.h"
#include "storage/remote_files.h"

#include <algorithm>
#include <system_error>

namespace tpt::storage {

namespace fs = std::filesystem;

bool is_remote(const fs::path& path) { return path.native().starts_with("s3://"); }

bool is_file(const fs::path& path) {
  if (is_remote(path)) return look_up_remote(path).kind == RemoteKind::file;
  return fs::exists(path) && !fs::is_directory(path);
}

bool is_folder(const fs::path& path) {
  if (is_remote(path)) return look_up_remote(path).kind == RemoteKind::folder;
  return fs::is_directory(path);
}

std::int64_t file_bytes(const fs::path& path) {
  if (is_remote(path)) {
    const RemoteEntry entry = look_up_remote(path);
    if (entry.kind != RemoteKind::file) io_error("{}: no such file", path.string());
    return entry.bytes;
  }
  std::error_code problem;
  const auto bytes = fs::file_size(path, problem);
  if (problem) io_error("cannot read {}: {}", path.string(), problem.message());
  return static_cast<std::int64_t>(bytes);
}

std::vector<StoredFile> files_below(const fs::path& folder) {
  if (is_remote(folder)) return list_remote(folder);
  std::vector<StoredFile> files;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (const auto& entry : fs::recursive_directory_iterator(folder, options)) {
    if (entry.is_regular_file()) {
      files.push_back({entry.path(), static_cast<std::int64_t>(entry.file_size())});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const StoredFile& left, const StoredFile& right) { return left.path < right.path; });
  return files;
}

}  // namespace tpt::storage
