#include "augment/job.h"

#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tpt::augment {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kRollout = 0;
constexpr std::size_t kWindowBytes = std::size_t{256} << 20U;
// So that answers do not lie about while documents that need none are read.
constexpr int kReadsBetweenCollections = 256;
// A share of failures says something only from this many documents on.
constexpr std::int64_t kEnoughToJudge = 1000;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::size_t held_bytes(const AugmentedDocument& row) {
  return row.document.text.size() + row.document.metadata.size();
}

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
         std::stop_token stop)
    : config_(config),
      documents_(documents),
      total_documents_(total_documents),
      engine_(engine),
      progress_(progress),
      stop_(std::move(stop)),
      prompt_(load_prompt(config.prompt)),
      most_in_flight_(engine.capacity() + engine.capacity() / 4 + 1),
      journal_(made(folder) / "journal.sqlite"),
      output_(folder, config.rows_per_part) {}

Counts Job::run() {
  while (true) {
    read_some();
    write_ready();
    report();
    if (!asked_.empty()) {
      collect();
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
  counts_.seconds = seconds_since(start_);
  return counts_;
}

bool Job::may_read() const {
  const bool room = static_cast<std::int64_t>(window_.size()) < config_.window_documents &&
                    (window_.empty() || window_bytes_ < kWindowBytes) &&
                    static_cast<std::int64_t>(asked_.size()) < most_in_flight_;
  return room && !at_end_ && !ending();
}

bool Job::ending() const { return stop_.stop_requested() || reading_failed_ || too_many_failed(); }

void Job::read_some() {
  for (int i = 0; i < kReadsBetweenCollections && may_read(); ++i) {
    read_one();
  }
}

void Job::read_one() {
  Slot next;
  Document& document = next.row.document;
  try {
    at_end_ = !documents_.next(document);
  } catch (...) {
    // What is in flight has been paid for: it is journaled before this goes on.
    reading_failed_ = std::current_exception();
  }
  if (at_end_ || reading_failed_) {
    return;
  }
  DocumentRequest made_request = make_request(config_, prompt_, document, engine_);
  Trajectory& trajectory = next.row.trajectory;
  trajectory.context_bytes = made_request.context_bytes;
  trajectory.seed = made_request.request.sampling.seed;
  trajectory.rollout = kRollout;
  trajectory.engine = engine_.name();
  trajectory.prompt_sha256 = prompt_.sha256();
  trajectory.request_sha256 = made_request.hash;
  next.request = made_request.hash + document.id;
  const std::int64_t place = first_place_ + static_cast<std::int64_t>(window_.size());
  window_bytes_ += held_bytes(next.row);
  window_.push_back(std::move(next));
  Slot& slot = window_.back();

  if (const auto asked = asked_.find(slot.request); asked != asked_.end()) {
    slot.from_journal = true;
    asked->second.places.push_back(place);
  } else if (const auto found = journal_.find(slot.row.document.id, kRollout, made_request.hash)) {
    slot.from_journal = true;
    fill(slot, decode(*found, slot.row.document.id));
    ++settled_;
  } else {
    asked_[slot.request] = {{place}, made_request.hash, 0};
    submit(slot.request, std::move(made_request.request));
  }
}

void Job::submit(const std::string& request_name, engine::Request request) {
  if (first_submit_ == Clock::time_point{}) {
    first_submit_ = Clock::now();
  }
  ++asked_.at(request_name).attempts;
  engine_.submit(std::move(request), [mailbox = mailbox_, request_name](engine::Response response) {
    mailbox->put({request_name, std::move(response)});
  });
}

void Job::collect() {
  // Once asked to stop there is nothing to do but wait for what is in flight.
  const bool stopping = stop_.stop_requested();
  const std::vector<Mailbox::Letter> letters =
      may_read() ? mailbox_->take_arrived() : mailbox_->take(stopping ? std::stop_token() : stop_);
  for (const Mailbox::Letter& letter : letters) {
    collect_one(letter);
  }
  if (!letters.empty()) {
    // Before any of these is written to a part: a row that stands is never generated again.
    journal_.commit();
  }
}

void Job::collect_one(const Mailbox::Letter& letter) {
  const auto found = asked_.find(letter.request);
  TPT_CHECK(found != asked_.end(), "two answers to one request");
  Asked& asked = found->second;
  const Document& document = slot(asked.places.front()).row.document;
  counts_.generated_tokens += letter.response.generated_tokens;
  if (letter.response.finish != Finish::error) {
    const std::string value =
        encode(make_answer(letter.response, config_.think_start, config_.think_end));
    journal_.put(document.id, kRollout, asked.hash, value);
    // Read back from what is journaled, so that a resumed run gives the same row.
    const Answer answer = decode(value, document.id);
    settle(asked, &answer, "");
  } else if (asked.attempts >= config_.attempts) {
    settle(asked, nullptr, letter.response.error);
  } else if (!ending()) {
    submit(letter.request, make_request(config_, prompt_, document, engine_).request);
    return;
  }
  asked_.erase(found);
}

void Job::settle(const Asked& asked, const Answer* answer, const std::string& error) {
  for (const std::int64_t place : asked.places) {
    Slot& settled = slot(place);
    ++settled_;
    if (answer != nullptr) {
      fill(settled, *answer);
      continue;
    }
    settled.state = State::failed;
    settled.error = error.empty() ? "the engine did not say why" : error;
    if (failed_++ == 0) {
      first_error_ = fmt::format("{}: {}", settled.row.document.id, settled.error);
    }
  }
}

void Job::fill(Slot& filled, const Answer& answer) {
  Trajectory& trajectory = filled.row.trajectory;
  trajectory.text = answer.thinking;
  trajectory.finish = answer.finish;
  trajectory.prompt_tokens = answer.prompt_tokens;
  trajectory.thinking_tokens = answer.thinking_tokens;
  filled.state = State::answered;
}

void Job::write_ready() {
  while (!window_.empty() && window_.front().state != State::waiting) {
    Slot ready = std::move(window_.front());
    window_.pop_front();
    ++first_place_;
    window_bytes_ -= held_bytes(ready.row);
    if (ready.state == State::failed) {
      ++counts_.failed;
      output_.put_failure(ready.row.document.id, ready.error);
      continue;
    }
    ++counts_.documents;
    counts_.from_journal += ready.from_journal ? 1 : 0;
    counts_.prompt_tokens += ready.row.trajectory.prompt_tokens;
    counts_.thinking_tokens += ready.row.trajectory.thinking_tokens;
    output_.put(std::move(ready.row));
  }
}

void Job::report() {
  const double generating = first_submit_ == Clock::time_point{} ? 0 : seconds_since(first_submit_);
  const double rate =
      generating > 0 ? static_cast<double>(counts_.generated_tokens) / generating : 0;
  ProgressState state{"augment",
                      static_cast<double>(settled_),
                      static_cast<double>(total_documents_),
                      "documents",
                      {{"tokens/s", fmt::format("{:.0f}", rate)},
                       {"thinking tokens", std::to_string(counts_.thinking_tokens)},
                       {"from journal", std::to_string(counts_.from_journal)}}};
  if (failed_ > 0) {
    state.facts.emplace_back("failed", std::to_string(failed_));
  }
  progress_.report(state);
}

bool Job::too_many_failed() const {
  const std::int64_t read = first_place_ + static_cast<std::int64_t>(window_.size());
  const std::int64_t known = at_end_ ? read : std::max({total_documents_, read, kEnoughToJudge});
  return failed_ > 0 &&
         static_cast<double>(failed_) > config_.max_failed_share * static_cast<double>(known);
}

// Nothing is in flight any more, all answers are journaled, and the step is not finished.
void Job::end_early() {
  if (reading_failed_) {
    std::rethrow_exception(reading_failed_);
  }
  if (!too_many_failed()) {
    throw Interrupted(
        fmt::format("augment: stopped with {} answers in the journal; run the same command again "
                    "to go on",
                    journal_.size()));
  }
  for (const Slot& left : window_) {
    if (left.state == State::failed) {
      output_.put_failure(left.row.document.id, left.error);
    }
  }
  output_.finish_failures();
  remote_error(
      "augment: {} of {} documents failed, more than max_failed_share {} allows; the first: {}; "
      "run the same command again to ask for them again",
      failed_, settled_, config_.max_failed_share, first_error_);
}

Job::Slot& Job::slot(std::int64_t place) {
  return window_.at(static_cast<std::size_t>(place - first_place_));
}

Counts run(const Config& config, Source<Document>& documents, std::int64_t total_documents,
           engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
           std::stop_token stop) {
  return Job(config, documents, total_documents, engine, folder, progress, std::move(stop)).run();
}

}  // namespace tpt::augment
