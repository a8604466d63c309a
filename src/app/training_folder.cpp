#include "app/training_folder.h"

#include "base/error.h"
#include "storage/files.h"

#include <algorithm>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLockName = "train.lock";

fs::path made(const fs::path& folder) {
  if (storage::is_remote(folder)) {
    user_error("--out {}: only tpt augment writes to S3; give a folder of this machine",
               folder.string());
  }
  std::error_code problem;
  if (fs::exists(folder, problem) && !fs::is_directory(folder, problem)) {
    user_error("--out {}: that is a file; name a folder", folder.string());
  }
  fs::create_directories(folder, problem);
  if (problem) io_error("--out {}: cannot be made: {}", folder.string(), problem.message());
  return folder;
}

bool is_of_a_start(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  return name == kLockName || name.starts_with("started.json");
}

}  // namespace

TrainingFolder::TrainingFolder(const fs::path& folder)
    : folder_(made(folder)), lock_(folder / kLockName, storage::FileLock::WithoutLocks::warn) {}

void TrainingFolder::forget_failed_start() const {
  const fs::directory_iterator entries(folder_);
  if (std::all_of(begin(entries), end(entries), is_of_a_start)) {
    fs::remove(folder_ / "started.json");
  }
}

}  // namespace tpt::app
