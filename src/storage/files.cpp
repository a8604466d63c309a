#include "storage/files.h"

#include "base/error.h"
#include "storage/remote_files.h"

#include <algorithm>
#include <system_error>

namespace tpt::storage {

namespace fs = std::filesystem;

namespace {

fs::file_type type_of(const fs::path& path) {
  std::error_code problem;
  const fs::file_type type = fs::status(path, problem).type();
  // No file is called that; it may be a pattern.
  if (problem == std::errc::filename_too_long) return fs::file_type::not_found;
  if (type == fs::file_type::none) {
    io_error("cannot read {}: {}", path.string(), problem.message());
  }
  return type;
}

// A link to a folder above itself: there is no end to the files below.
void refuse_circle(const fs::path& link) {
  const fs::path up = fs::canonical(link.parent_path()).lexically_relative(fs::canonical(link));
  if (up.empty() || *up.begin() == "..") return;
  io_error("{}: a link to a folder above itself: take it out", link.string());
}

}  // namespace

bool is_remote(const fs::path& path) { return path.native().starts_with("s3://"); }

bool is_file(const fs::path& path) {
  if (is_remote(path)) return look_up_remote(path).kind == RemoteKind::file;
  const fs::file_type type = type_of(path);
  return type != fs::file_type::not_found && type != fs::file_type::directory;
}

bool is_folder(const fs::path& path) {
  if (is_remote(path)) return look_up_remote(path).kind == RemoteKind::folder;
  return type_of(path) == fs::file_type::directory;
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
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder, options)) {
      if (entry.is_symlink() && entry.is_directory()) refuse_circle(entry.path());
      if (entry.is_regular_file()) {
        files.push_back({entry.path(), static_cast<std::int64_t>(entry.file_size())});
      }
    }
  } catch (const fs::filesystem_error& problem) {
    io_error("cannot read {}: {}", problem.path1().string(), problem.code().message());
  }
  std::sort(files.begin(), files.end(),
            [](const StoredFile& left, const StoredFile& right) { return left.path < right.path; });
  return files;
}

}  // namespace tpt::storage
