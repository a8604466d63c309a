#include "augment/job.h"

#include "augment/take_over.h"
#include "base/error.h"
#include "base/log.h"
#include "tokenize/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tpt::augment {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// So that answers do not lie about while rows that need none are read.
constexpr int kReadsBetweenCollections = 256;
// A share of failures says something only from this many rows on.
constexpr std::int64_t kEnoughToJudge = 1000;
// An answer is committed at the latest this long after it came.
constexpr milliseconds kCommitAfter{30};
constexpr std::int64_t kMostUncommitted = 512;
constexpr milliseconds kReportEvery{100};

std::filesystem::path made(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    io_error("cannot make the folder {}: {}", folder.string(), error.message());
  }
  return folder;
}

}  // namespace

Job::Job(const Config& config, Source<Document>& documents, std::int64_t total_documents,
         engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
         std::stop_token stop, Hooks hooks)
    : config_(config),
      folder_(folder),
      total_documents_(total_documents),
      engine_(engine),
      progress_(progress),
      stop_(std::move(stop)),
      hooks_(std::move(hooks)),
      prompt_(load_prompt(config.prompt)),
      journal_(made(folder) / "journal.sqlite"),
      output_(folder, config.rows_per_part, hooks_.gate, hooks_.statistics, hooks_.on_part),
      asking_(config_, prompt_, engine, journal_),
      pieces_(config_, documents, engine.tokens()) {
  take_over_own_rows(config_, folder, journal_, stop_);
}

Counts Job::run() {
  while (true) {
    read_some();
    write_ready();
    report(false);
    if (asking_.in_flight() > 0) {
      collect();
    } else if (journal_.uncommitted() > 0) {
      commit();
    } else if (at_end_ && window_.empty()) {
      break;
    } else if (ending()) {
      end_early();
    }
  }
  if (too_many_failed()) {
    end_early();
  }
  output_.finish();
  check_sums();
  report(true);
  const Counts counts = this->counts();
  TPT_CHECK(rows_in_ == counts.rows + counts.rejected + counts.failed,
            "{} rows in, {} written, {} rejected, {} failed", rows_in_, counts.rows,
            counts.rejected, counts.failed);
  return counts;
}

// What the engine can take now: a kill costs no more than that, answers that wait for their commit
// among it.
std::int64_t Job::most_in_flight() const { return std::max<std::int64_t>(1, engine_.capacity()); }

bool Job::may_read() const {
  if (at_end_ || ending()) return false;
  const std::int64_t most = most_in_flight();
  return asking_.in_flight() + journal_.uncommitted() < most && window_.has_room() &&
         window_.size() < std::max(config_.window_documents, 4 * most);
}

bool Job::ending() const {
  return stop_.stop_requested() || reading_failed_ || !asking_.hopeless().empty() ||
         (config_.fail_fast && failed_ > 0) || too_many_failed();
}

void Job::read_some() {
  for (int i = 0; i < kReadsBetweenCollections && may_read() && read_one(); ++i) {
  }
}

bool Job::read_one() {
  Slot next;
  try {
    at_end_ = !pieces_.next(next.piece);
  } catch (...) {
    // What is in flight has been paid for: it is journaled before this goes on.
    reading_failed_ = std::current_exception();
  }
  if (at_end_ || reading_failed_) return false;
  ++rows_in_;
  Asking::Begun begun = asking_.begin(next.piece, window_.next_place());
  Trajectory& trajectory = next.trajectory;
  trajectory.context_bytes = begun.context_bytes;
  trajectory.seed = begun.seed;
  trajectory.rollout = next.piece.rollout;
  trajectory.engine = engine_.name();
  trajectory.prompt_sha256 = prompt_.sha256();
  trajectory.request_sha256 = std::move(begun.identity);
  next.from_journal = begun.shares || begun.answer;
  Slot& slot = window_.add(std::move(next));
  if (begun.answer) {
    slot.journal_puts = asking_.puts();
    fill(slot, std::move(*begun.answer));
  } else if (begun.failed) {
    fail(slot, std::move(*begun.failed));
  }
  return true;
}

void Job::collect() {
  // Once asked to stop there is nothing to do but wait for what is in flight.
  const std::stop_token wake = stop_.stop_requested() ? std::stop_token() : stop_;
  milliseconds longest = may_read() ? milliseconds(0) : kReportEvery;
  if (journal_.uncommitted() > 0) {
    const auto due = first_uncommitted_ + kCommitAfter - Clock::now();
    longest = std::clamp(std::chrono::ceil<milliseconds>(due), milliseconds(0), longest);
  }
  const bool had_none = journal_.uncommitted() == 0;
  for (Asking::Settled& settled : asking_.collect(wake, longest, !ending())) {
    for (const std::int64_t place : settled.places) settle(window_.at(place), settled);
  }
  if (had_none && journal_.uncommitted() > 0) first_uncommitted_ = Clock::now();
  if (commit_is_due()) commit();
}

void Job::settle(Slot& slot, const Asking::Settled& settled) {
  slot.journal_puts = asking_.puts();
  if (settled.answer) {
    fill(slot, *settled.answer);
  } else {
    fail(slot, *settled.failed);
  }
}

void Job::fail(Slot& slot, FailedRow failed) {
  ++settled_;
  if (failed_++ == 0) first_error_ = fmt::format("{}: {}", slot.piece.id(), failed.error);
  slot.failed = std::move(failed);
  slot.state = Slot::State::failed;
}

void Job::fill(Slot& slot, Answer answer) {
  ++settled_;
  Trajectory& trajectory = slot.trajectory;
  trajectory.finish = answer.finish;
  trajectory.prompt_tokens = answer.prompt_tokens;
  trajectory.thinking_tokens = answer.thinking_tokens;
  trajectory.context_bytes = answer.context_bytes;
  if (!answer.engine.empty()) trajectory.engine = std::move(answer.engine);
  answer_tokens_.add(answer.thinking_tokens);
  slot.state = Slot::State::answered;
  window_.hold(slot, std::move(answer.thinking));
}

// Often enough that the engine does not run dry behind answers that wait, seldom enough that a
// commit is worth its sync.
bool Job::commit_is_due() const {
  const std::int64_t waiting = journal_.uncommitted();
  if (waiting == 0) return false;
  const std::int64_t many = std::clamp<std::int64_t>(most_in_flight() / 8, 1, kMostUncommitted);
  return waiting >= many || asking_.in_flight() == 0 ||
         Clock::now() - first_uncommitted_ >= kCommitAfter;
}

void Job::commit() {
  // Before any of these is written to a part: a row that stands is never generated again.
  journal_.commit();
  committed_puts_ = asking_.puts();
  check_sums();
}

void Job::check_sums() const {
  TPT_CHECK(rows_in_ == rows_out_ + window_.size(), "{} rows in, {} out, {} in the window",
            rows_in_, rows_out_, window_.size());
  const OutputCounts out = output_.counts();
  TPT_CHECK(out.written + out.rejected + out.failed <= rows_out_,
            "{} rows handed over, {} written, {} rejected, {} failed", rows_out_, out.written,
            out.rejected, out.failed);
}

void Job::write_ready() {
  while (!window_.empty() && window_.front().state != Slot::State::waiting &&
         window_.front().journal_puts <= committed_puts_) {
    write(window_.take_first());
  }
}

void Job::write(Slot ready) {
  ++rows_out_;
  const bool is_last =
      ready.piece.chunk + 1 == ready.piece.chunks && ready.piece.rollout + 1 == config_.rollouts;
  documents_done_ += is_last ? 1 : 0;
  if (ready.failed) {
    FailedRow failed = std::move(*ready.failed);
    Judgement none;
    output_.put_failure(row_in(std::move(ready), none), std::move(failed));
    return;
  }
  from_journal_ += ready.from_journal ? 1 : 0;
  Judgement known;
  AugmentedDocument row = row_in(std::move(ready), known);
  output_.put(std::move(row), std::move(known));
}

// `known`: the judgement of it, where that is settled before the gate sees it.
AugmentedDocument Job::row_in(Slot ready, Judgement& known) {
  if (ready.spilled) {
    auto answer = asking_.journaled(ready.piece);
    if (!answer) {
      data_error(
          "{}: its answer in the journal is damaged: run the same command again to ask again",
          ready.piece.id());
    }
    ready.trajectory.text = std::move(answer->thinking);
  }
  Trajectory& trajectory = ready.trajectory;
  if (ready.state == Slot::State::answered && trajectory.finish == Finish::length) {
    const std::size_t end =
        config_.at_cap == AtCap::trim ? tokenize::last_sentence_end(trajectory.text) : 0;
    if (end > 0) {
      trajectory.text.resize(end);
      trajectory.finish = Finish::trimmed;
    }
    if (config_.at_cap == AtCap::set_aside) known.reason = "cap";
  }
  AugmentedDocument row = row_of(std::move(ready.piece));
  row.trajectory = std::move(trajectory);
  return row;
}

// Rows with an answer that stand in no whole part, for whoever goes on without the journal.
void Job::leave_rows() {
  const std::filesystem::path folder = folder_ / "unfinished";
  output_.leave(folder);
  std::optional<storage::AugmentedWriter> waiting;
  const std::int64_t end = window_.next_place();
  for (std::int64_t place = end - window_.size(); place < end; ++place) {
    Slot& slot = window_.at(place);
    if (slot.state != Slot::State::answered) continue;
    if (!waiting) waiting.emplace(folder / "waiting", config_.rows_per_part);
    Judgement known;
    waiting->put(row_in(std::move(slot), known));
  }
  if (waiting) waiting->finish();
}

bool Job::too_many_failed() const {
  const std::int64_t expected = total_documents_ * config_.rollouts;
  const std::int64_t known = at_end_ ? rows_in_ : std::max({expected, rows_in_, kEnoughToJudge});
  return failed_ > 0 &&
         static_cast<double>(failed_) > config_.max_failed_share * static_cast<double>(known);
}

// Nothing is in flight any more, all answers are journaled, and the step is not finished.
void Job::end_early() {
  if (hooks_.on_part) {
    try {
      leave_rows();
    } catch (const Error& error) {
      // They stand in the journal; why the run ends is what counts.
      log_warning("rows of no whole part are not left in {}: {}", (folder_ / "unfinished").string(),
                  error.what());
    }
  }
  if (failed_ > 0 && (too_many_failed() || config_.fail_fast)) leave_failures();
  report(true);
  if (reading_failed_) {
    std::rethrow_exception(reading_failed_);
  }
  if (!asking_.hopeless().empty()) {
    remote_error(
        "augment: the engine answers nobody: {}; what was answered is in the journal: put "
        "that right and run the same command again to go on",
        asking_.hopeless());
  }
  if (failed_ == 0 || !(too_many_failed() || config_.fail_fast)) {
    throw Interrupted(
        fmt::format("augment: stopped with {} answers in the journal; run the same command again "
                    "to go on",
                    journal_.size()));
  }
  if (config_.fail_fast) data_error("augment: {} (fail_fast)", first_error_);
  const bool is_said = first_error_.find("run the same command again") != std::string::npos;
  remote_error(
      "augment: {} of {} documents failed, more than max_failed_share {} allows; the first: {}{}",
      failed_, settled_, config_.max_failed_share, first_error_,
      is_said ? "" : "; run the same command again to ask for them again");
}

// failed.jsonl with the rows too that wait behind others.
void Job::leave_failures() {
  for (const Slot& left : window_) {
    if (!left.failed) continue;
    AugmentedDocument row;
    row.document.id = left.piece.id();
    row.chunk = left.piece.chunk;
    row.chunks = left.piece.chunks;
    row.trajectory.rollout = left.piece.rollout;
    output_.put_failure(std::move(row), *left.failed);
  }
  output_.finish_failures();
}

Counts run(const Config& config, Source<Document>& documents, std::int64_t total_documents,
           engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
           std::stop_token stop, Hooks hooks) {
  return Job(config, documents, total_documents, engine, folder, progress, std::move(stop),
             std::move(hooks))
      .run();
}

}  // namespace tpt::augment
