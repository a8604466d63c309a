#include "augment/output.h"

#include "base/error.h"
#include "base/json.h"

#include <utility>

namespace tpt::augment {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFailures = "failed.jsonl";
constexpr const char* kRejected = "rejected";
// What may wait for the disk.
constexpr std::size_t kQueueBytes = std::size_t{32} << 20U;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;

std::size_t held_bytes(const AugmentedDocument& row) {
  return row.document.text.size() + row.document.metadata.size() + row.trajectory.text.size() + 256;
}

// The parts of an earlier run that rejected some.
void remove_rejected(const fs::path& folder) {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("part-")) fs::remove(entry.path());
  }
  fs::remove(folder, none);
}

}  // namespace

Output::Output(fs::path folder, std::int64_t rows_per_part, Gate gate, RowStatistics* statistics,
               storage::AugmentedWriter::OnPart on_part)
    : folder_(std::move(folder)),
      rows_per_part_(rows_per_part),
      gate_(std::move(gate)),
      statistics_(statistics),
      on_part_(std::move(on_part)),
      rows_(folder_, rows_per_part, on_part_),
      thread_([this](std::stop_token stop) { work(std::move(stop)); }) {}

Output::~Output() { thread_.request_stop(); }

void Output::put(AugmentedDocument row, Judgement known) {
  batch_bytes_ += held_bytes(row);
  batch_.push_back({std::move(row), std::move(known), std::nullopt});
  ++put_;
  if (batch_bytes_ >= kBatchBytes) flush();
}

void Output::put_failure(AugmentedDocument row, FailedRow failed) {
  batch_bytes_ += held_bytes(row) + failed.partial.size();
  batch_.push_back({std::move(row), {}, std::move(failed)});
  ++put_;
}

void Output::flush() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_bytes_ < kQueueBytes || problem_; });
  if (problem_) std::rethrow_exception(problem_);
  if (batch_.empty()) return;
  queue_bytes_ += batch_bytes_;
  if (queue_.empty()) {
    queue_.swap(batch_);
  } else {
    std::move(batch_.begin(), batch_.end(), std::back_inserter(queue_));
  }
  batch_.clear();
  batch_bytes_ = 0;
  changed_.notify_all();
}

void Output::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !queue_.empty(); }) && !stop.stop_requested()) {
    std::vector<Item> items = std::exchange(queue_, {});
    queue_bytes_ = 0;
    busy_ = true;
    OutputCounts counts = counts_;
    changed_.notify_all();
    lock.unlock();
    std::exception_ptr problem;
    try {
      for (Item& item : items) {
        if (stop.stop_requested()) break;
        write(std::move(item), counts);
      }
    } catch (...) {
      problem = std::current_exception();
    }
    items.clear();
    lock.lock();
    counts_ = std::move(counts);
    busy_ = false;
    problem_ = problem;
    changed_.notify_all();
    if (problem_) return;
  }
}

void Output::write(Item item, OutputCounts& counts) {
  if (item.failed) {
    write_failure(item);
    if (statistics_ != nullptr) statistics_->failed(item.row);
    ++counts.failed;
    return;
  }
  const Trajectory& trajectory = item.row.trajectory;
  if (item.judgement.reason.empty() && gate_) item.judgement = gate_(item.row);
  const std::string& reason = item.judgement.reason;
  ++counts.finished[std::string(finish_name(trajectory.finish))];
  counts.prompt_tokens += trajectory.prompt_tokens;
  counts.thinking_tokens += trajectory.thinking_tokens;
  if (statistics_ != nullptr) statistics_->settled(item.row, reason);
  if (reason.empty()) {
    rows_.put(std::move(item.row));
    ++counts.written;
    return;
  }
  counts.rejected_tokens += trajectory.thinking_tokens;
  ++counts.reasons[reason];
  if (!rejected_) rejected_.emplace(folder_ / kRejected, rows_per_part_, on_part_);
  rejected_->put(std::move(item.row), reason, item.judgement.detail);
  ++counts.rejected;
}

void Output::write_failure(const Item& item) {
  if (!failures_) failures_.emplace(folder_ / kFailures);
  const FailedRow& failed = *item.failed;
  Json line = {{"id", item.row.document.id},
               {"error", failed.error},
               {"failure", engine::failure_name(failed.failure)},
               {"attempts", failed.attempts}};
  if (item.row.trajectory.rollout > 0) line["rollout"] = item.row.trajectory.rollout;
  if (item.row.chunks > 1) line["chunk"] = item.row.chunk;
  if (!failed.partial.empty()) line["partial"] = failed.partial;
  failures_->write(dump_json(line) + "\n");
}

OutputCounts Output::counts() const {
  const std::scoped_lock lock(mutex_);
  return counts_;
}

void Output::drain() {
  flush();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return (queue_.empty() && !busy_) || problem_; });
  if (problem_) std::rethrow_exception(problem_);
  TPT_CHECK(put_ == counts_.written + counts_.rejected + counts_.failed,
            "{} rows put, {} written, {} rejected, {} failed", put_, counts_.written,
            counts_.rejected, counts_.failed);
}

void Output::close_failures() {
  if (failures_) {
    failures_->commit();
    failures_.reset();
    return;
  }
  fs::remove(folder_ / kFailures);
  fs::remove(folder_ / (std::string(kFailures) + ".partial"));
}

void Output::finish_failures() {
  drain();
  close_failures();
}

// The thread has nothing to do any more, so its files are this one's.
void Output::finish() {
  drain();
  rows_.finish();
  if (rejected_) {
    rejected_->finish();
  } else {
    remove_rejected(folder_ / kRejected);
  }
  close_failures();
}

void Output::leave(const fs::path& folder) {
  drain();
  rows_.leave(folder / "rows.parquet");
  if (rejected_) rejected_->leave(folder / "rejected.parquet");
}

}  // namespace tpt::augment
