// The folder that a training run fills, while this process works on it.
#pragma once

#include "storage/file_lock.h"

#include <filesystem>

namespace tpt::app {

class TrainingFolder {
 public:
  // Makes the folder where there is none and keeps other processes out of it until the end of this
  // one or of the object. Error(user) for the path of a file or of another process's run, Error(io)
  // where the folder cannot be made or written to.
  explicit TrainingFolder(const std::filesystem::path& folder);

  // A start that was refused before anything was trained leaves nothing but its record: other
  // options are no other run then.
  void forget_failed_start() const;

 private:
  std::filesystem::path folder_;
  storage::FileLock lock_;
};

}  // namespace tpt::app
