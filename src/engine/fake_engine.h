// An engine without a model, for the tests of everything that needs one: its text comes from the
// request's hash, it can be slow, it can fail, and it remembers how often it was asked for what.
#pragma once

#include "engine/engine.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tpt::engine {

struct FakeConfig {
  std::int64_t threads = 2;            // answers are given from this many threads, in any order
  std::int64_t capacity = 16;          // what capacity() says
  std::chrono::milliseconds delay{0};  // longest wait before an answer; the key decides how long
  double failure_share = 0;            // this share of the keys fails ...
  std::int64_t failures_of_a_key = 1;  // ... this many times each before it succeeds
  std::int64_t words = 12;             // mean length of the text
  std::string name = "fake";           // what name() says
  bool deterministic = true;           // what deterministic() says
  // Writes the text instead of the hash; may set every field of the response but `seconds`.
  std::function<Response(const Request&)> answer;
};

// A token is a byte. The text depends on prompt, document, answer start and sampling, never on the
// key; it honours `max_tokens` (Finish::length), the stop strings, `keep_going` and `cancel`.
class FakeEngine : public Engine {
 public:
  explicit FakeEngine(FakeConfig config = {});
  // Drops what is queued and waits for the answers that are being given.
  ~FakeEngine() override;
  FakeEngine(const FakeEngine&) = delete;
  FakeEngine& operator=(const FakeEngine&) = delete;

  void submit(Request request, Done done) override;
  std::int64_t capacity() const override { return config_.capacity; }
  std::string name() const override { return config_.name; }
  bool deterministic() const override { return config_.deterministic; }
  const TokenCounter& tokens() const override { return counter_; }

  // How often submit() was called, in all and with each key.
  std::int64_t calls() const;
  std::map<std::string, std::int64_t> calls_by_key() const;
  // The most requests that were ever waiting or being answered at one time.
  std::int64_t most_in_flight() const;

 private:
  struct Job {
    Request request;
    Done done;
    std::int64_t attempt = 0;  // 0 for the first with this key
    std::chrono::steady_clock::time_point submitted;
  };

  void work(std::stop_token stop);
  Response answer(const Job& job) const;

  FakeConfig config_;
  ByteCounter counter_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> queue_;
  std::map<std::string, std::int64_t> calls_by_key_;
  std::int64_t calls_ = 0;
  std::int64_t in_flight_ = 0;
  std::int64_t most_in_flight_ = 0;
  std::vector<std::jthread> threads_;  // last, so that they end before what they use
};

// The text that FakeEngine writes for `request` when nothing fails and no `answer` is set.
Response fake_response(const Request& request, std::int64_t words);

}  // namespace tpt::engine
