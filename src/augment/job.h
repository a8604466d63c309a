// One run of the step: documents in, a window of them in flight, rows out in order.
#pragma once

#include "augment/answer.h"
#include "augment/augment.h"
#include "augment/mailbox.h"
#include "augment/output.h"
#include "augment/prompt.h"
#include "augment/request.h"
#include "storage/journal.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace tpt::augment {

class Job {
 public:
  Job(const Config& config, Source<Document>& documents, std::int64_t total_documents,
      engine::Engine& engine, const std::filesystem::path& folder, Progress& progress,
      std::stop_token stop);

  Counts run();

 private:
  enum class State { waiting, answered, failed };

  // A document between its reading and its writing, at its place in the corpus's order.
  struct Slot {
    AugmentedDocument row;
    std::string request;  // its name in asked_: id and request hash
    State state = State::waiting;
    bool from_journal = false;
    std::string error;
  };

  // A request in flight, and the places of the documents that wait for it.
  struct Asked {
    std::vector<std::int64_t> places;
    std::string hash;
    std::int64_t attempts = 0;
  };

  bool may_read() const;
  bool ending() const;
  void read_some();
  void read_one();
  void submit(const std::string& request_name, engine::Request request);
  void collect();
  void collect_one(const Mailbox::Letter& letter);
  void settle(const Asked& asked, const Answer* answer, const std::string& error);
  void fill(Slot& slot, const Answer& answer);
  void write_ready();
  void report();
  void end_early();
  bool too_many_failed() const;
  Slot& slot(std::int64_t place);

  const Config& config_;
  Source<Document>& documents_;
  std::int64_t total_documents_;
  engine::Engine& engine_;
  Progress& progress_;
  std::stop_token stop_;
  Prompt prompt_;
  std::int64_t most_in_flight_;
  storage::Journal journal_;
  Output output_;
  // Shared with the engine's callbacks, which may outlive a job that ends with an exception.
  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::deque<Slot> window_;
  std::int64_t first_place_ = 0;  // of window_.front()
  std::size_t window_bytes_ = 0;
  std::unordered_map<std::string, Asked> asked_;
  bool at_end_ = false;
  std::exception_ptr reading_failed_;
  std::int64_t settled_ = 0;
  std::int64_t failed_ = 0;
  std::string first_error_;
  Counts counts_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point first_submit_{};
};

}  // namespace tpt::augment
