// What a job says of itself: while it runs, and in the end.
#include "augment/job.h"

#include <fmt/format.h>

#include <algorithm>

namespace tpt::augment {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kReportEvery{100};
constexpr std::chrono::seconds kForeseeEvery{1};

}  // namespace

JobStatus Job::status() const {
  const OutputCounts out = output_.counts();
  const AskingCounts& asked = asking_.counts();
  JobStatus status;
  // Whoever counted them counted bad ones too.
  const bool is_known = at_end_ && total_documents_ > 0;
  status.documents_total = is_known ? pieces_.documents_read() : total_documents_;
  status.documents_read = pieces_.documents_read();
  status.rows_in = out.written + out.rejected + out.failed;
  status.rows_written = out.written;
  status.rows_rejected = out.rejected;
  status.rows_failed = out.failed;
  status.rows_from_journal = from_journal_;
  status.rows_begun = rows_in_;
  status.rows_of_document = config_.chunk_tokens == 0 ? config_.rollouts : 0;
  status.rejected_by_reason = out.reasons;
  status.finished_by = out.finished;
  status.in_flight = asking_.in_flight() + journal_.uncommitted();
  status.prompt_tokens = out.prompt_tokens;
  status.thinking_tokens = out.thinking_tokens;
  status.rejected_tokens = out.rejected_tokens;
  status.saved_tokens = asked.saved_tokens;
  status.generated_tokens = asked.generated_tokens;
  status.wasted_tokens = asked.wasted_tokens;
  status.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  status.answer_tokens = answer_tokens_;
  status.seconds_left = seconds_left_;
  return status;
}

Counts Job::counts() const {
  const JobStatus status = this->status();
  Counts counts;
  counts.documents = status.documents_read;
  counts.rows_in = rows_in_;
  counts.rows = status.rows_written;
  counts.rejected = status.rows_rejected;
  counts.failed = status.rows_failed;
  counts.reasons = status.rejected_by_reason;
  counts.finished = status.finished_by;
  counts.from_journal = status.rows_from_journal;
  counts.asked = asking_.counts().answers;
  counts.damaged = journal_.damaged();
  counts.prompt_tokens = status.prompt_tokens;
  counts.thinking_tokens = status.thinking_tokens;
  counts.rejected_tokens = status.rejected_tokens;
  counts.saved_tokens = status.saved_tokens;
  counts.generated_tokens = status.generated_tokens;
  counts.wasted_tokens = status.wasted_tokens;
  counts.seconds = status.seconds;
  return counts;
}

void Job::report(bool always) {
  const auto now = Clock::now();
  if (!always && now - reported_ < kReportEvery) return;
  reported_ = now;
  output_.flush();
  JobStatus status = this->status();
  if (always || now - foreseen_ >= kForeseeEvery) {
    foreseen_ = now;
    status.seconds_left = seconds_left_ = time_left_.update(status);
  }
  if (hooks_.on_status) hooks_.on_status(status);
  const double rate =
      status.seconds > 0 ? static_cast<double>(status.generated_tokens) / status.seconds : 0;
  const bool row_a_document = config_.rollouts == 1 && config_.chunk_tokens == 0;
  ProgressState state{"augment",
                      static_cast<double>(row_a_document ? settled_ : documents_done_),
                      static_cast<double>(status.documents_total),
                      "documents",
                      {{"tokens/s", fmt::format("{:.0f}", rate)},
                       {"thinking tokens", std::to_string(status.thinking_tokens)},
                       {"from journal", std::to_string(from_journal_)}}};
  if (status.rows_rejected > 0) {
    state.facts.emplace_back("rejected", std::to_string(status.rows_rejected));
  }
  if (failed_ > 0) {
    state.facts.emplace_back("failed", std::to_string(failed_));
  }
  progress_.report(state);
}

}  // namespace tpt::augment
