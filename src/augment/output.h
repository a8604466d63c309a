// The files of the step: rows as Parquet, and the documents that failed.
#pragma once

#include "records/trajectory.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace tpt::augment {

class Output {
 public:
  Output(std::filesystem::path folder, std::int64_t rows_per_part);

  void put(AugmentedDocument row);
  void put_failure(const std::string& id, const std::string& error);
  // failed.jsonl stands, or is gone where nothing failed.
  void finish_failures();
  // Both.
  void finish();

 private:
  std::filesystem::path folder_;
  storage::AugmentedWriter rows_;
  std::optional<storage::AtomicFile> failures_;
};

}  // namespace tpt::augment
