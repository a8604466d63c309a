// One run of the step: documents in, a window of rows in flight, rows out in order.
#pragma once

#include "augment/asking.h"
#include "augment/augment.h"
#include "augment/output.h"
#include "augment/piece.h"
#include "augment/prompt.h"
#include "augment/time_left.h"
#include "augment/token_histogram.h"
#include "augment/window.h"
#include "storage/journal.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <string>

namespace tpt::augment {

class Job {
 public:
  Job(const Config& config, Source<Document>& documents, std::int64_t total_documents,
      engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
      std::stop_token stop, Hooks hooks);

  Counts run();

 private:
  std::int64_t most_in_flight() const;
  bool may_read() const;
  bool ending() const;
  void read_some();
  bool read_one();
  void collect();
  void settle(Slot& slot, const Asking::Settled& settled);
  void fail(Slot& slot, FailedRow failed);
  void fill(Slot& slot, Answer answer);
  bool commit_is_due() const;
  void commit();
  void check_sums() const;
  void write_ready();
  void write(Slot ready);
  AugmentedDocument row_in(Slot ready, Judgement& known);
  void leave_rows();
  void leave_failures();
  void report(bool always);
  JobStatus status() const;
  Counts counts() const;
  void end_early();
  bool too_many_failed() const;

  const Config& config_;
  std::filesystem::path folder_;
  std::int64_t total_documents_;
  engine::Engine& engine_;
  Progress& progress_;
  std::stop_token stop_;
  Hooks hooks_;
  Prompt prompt_;
  storage::Journal journal_;
  Output output_;
  Asking asking_;
  Pieces pieces_;
  Window window_;
  bool at_end_ = false;
  std::exception_ptr reading_failed_;
  // Rows: read = waiting in the window + handed to the output.
  std::int64_t rows_in_ = 0;
  std::int64_t rows_out_ = 0;
  std::int64_t settled_ = 0;
  std::int64_t failed_ = 0;
  std::int64_t from_journal_ = 0;
  std::int64_t documents_done_ = 0;
  std::string first_error_;
  std::int64_t committed_puts_ = 0;
  std::chrono::steady_clock::time_point first_uncommitted_{};
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point reported_{};
  TokenHistogram answer_tokens_;
  TimeLeft time_left_;
  std::chrono::steady_clock::time_point foreseen_{};
  double seconds_left_ = -1;
};

}  // namespace tpt::augment
