// The files of the step, written by a thread of its own: rows as Parquet, those that the gate does
// not pass in rejected/ with their reason, and failed.jsonl.
#pragma once

#include "augment/augment.h"
#include "records/trajectory.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tpt::augment {

// A row that has no answer.
struct FailedRow {
  std::string error;
  engine::Failure failure = engine::Failure::none;
  std::int64_t attempts = 0;
  std::string partial;  // what had been thought until then
};

struct OutputCounts {
  std::int64_t written = 0;
  std::int64_t rejected = 0;
  std::int64_t failed = 0;
  std::map<std::string, std::int64_t> reasons;
  std::map<std::string, std::int64_t> finished;
  std::int64_t prompt_tokens = 0;
  std::int64_t thinking_tokens = 0;
  std::int64_t rejected_tokens = 0;
};

class Output {
 public:
  Output(std::filesystem::path folder, std::int64_t rows_per_part, Gate gate,
         RowStatistics* statistics = nullptr, storage::AugmentedWriter::OnPart on_part = {});
  // Drops what is queued; parts that were not finished are removed.
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // The next row: judged by the gate, unless `known` says already why it is rejected. Waits where
  // the disk does not keep up. Throws what writing an earlier row threw.
  void put(AugmentedDocument row, Judgement known = {});
  // The next row has failed.
  void put_failure(AugmentedDocument row, FailedRow failed);
  // Hands over what was put since the last call; nothing is written before.
  void flush();
  // Of what was written so far. Rows that were put = written + rejected + failed + those under way.
  OutputCounts counts() const;

  // failed.jsonl stands, or is gone where nothing failed; the rows do not.
  void finish_failures();
  // All files stand under their names.
  void finish();
  // Instead of finish(): the rows since the last whole part stand in `folder`.
  void leave(const std::filesystem::path& folder);

 private:
  struct Item {
    AugmentedDocument row;
    Judgement judgement;
    std::optional<FailedRow> failed;
  };

  void work(std::stop_token stop);
  void write(Item item, OutputCounts& counts);
  void write_failure(const Item& item);
  void drain();
  void close_failures();

  std::filesystem::path folder_;
  std::int64_t rows_per_part_;
  Gate gate_;
  RowStatistics* statistics_;
  storage::AugmentedWriter::OnPart on_part_;
  storage::AugmentedWriter rows_;
  std::optional<storage::AugmentedWriter> rejected_;
  std::optional<storage::AtomicFile> failures_;

  std::vector<Item> batch_;  // of the caller's thread
  std::size_t batch_bytes_ = 0;
  std::int64_t put_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Item> queue_;
  std::size_t queue_bytes_ = 0;
  bool busy_ = false;
  OutputCounts counts_;
  std::exception_ptr problem_;
  std::jthread thread_;  // last, so that it ends before what it uses
};

}  // namespace tpt::augment
