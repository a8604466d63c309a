// What the mock server was asked and what it gave: counts, how often each request came, and a line
// of each where that is wanted.
#pragma once

#include "base/json.h"
#include "engine/mock_faults.h"
#include "engine/mock_key.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tpt::engine {

struct MockStats {
  std::int64_t requests = 0;  // completions asked for, good or bad
  std::int64_t chat = 0;
  std::int64_t plain = 0;
  std::int64_t streamed = 0;
  std::int64_t other = 0;         // /v1/models, /health and unknown paths
  std::int64_t bad_requests = 0;  // 400, 404
  std::int64_t too_long = 0;      // of these, what did not fit in the context
  std::int64_t unauthorized = 0;
  std::int64_t refused_full = 0;  // 429 because max_concurrent was reached
  std::int64_t begun = 0;         // answers that were computed: what a bill counts
  std::int64_t answered = 0;      // of these, whole and right ones handed to the network
  std::int64_t client_left = 0;   // clients gone before their answer was whole
  std::int64_t in_flight = 0;
  std::int64_t most_in_flight = 0;
  std::int64_t waiting = 0;        // of those in flight, held back by max_concurrent
  std::int64_t prompt_tokens = 0;  // of answers begun
  std::int64_t generated_tokens = 0;
  std::int64_t prompts = 0;                        // distinct messages or prompts
  std::int64_t distinct_requests = 0;              // with their sampling
  std::int64_t asked_again = 0;                    // of those, asked more than once ...
  std::int64_t answered_again = 0;                 // ... and answered whole more than once
  std::int64_t most_asked = 0;                     // times, of the one that was asked most
  std::array<std::int64_t, kMockFaults> faults{};  // by MockFault

  std::int64_t faults_given() const;
};

Json to_json(const MockStats& stats);

// One request for a completion, for GET /mock/requests.
struct MockRecord {
  double at_seconds = 0;  // when it ended, since the server started
  MockKey prompt;
  MockKey key;
  std::int64_t asked = 0;  // how often before
  int status = 0;          // 0: no status was sent
  MockFault fault = MockFault::none;
  bool streamed = false;
  bool whole = false;  // the answer was whole and right
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
};

Json to_json(const MockRecord& record);

class MockLedger {
 public:
  struct Asked {
    std::int64_t asked = 0;  // how often before this
    MockFault fault = MockFault::none;
  };
  // Counts the request and draws its fault; `streamed` says which faults fit.
  Asked ask(MockKey prompt, MockKey key, const MockFaultPlan& faults, bool streamed);
  void answered(MockKey key);
  void keep(const MockRecord& record);
  std::vector<MockRecord> records() const;
  double seconds() const;

  MockStats stats() const;
  // Forgets all but what is in flight.
  void clear();

  // Counters of any thread.
  using Count = std::atomic<std::int64_t>;
  struct Counts {
    Count requests = 0, chat = 0, plain = 0, streamed = 0, other = 0, bad_requests = 0,
          too_long = 0, unauthorized = 0, refused_full = 0, begun = 0, answered = 0,
          client_left = 0, in_flight = 0, most_in_flight = 0, waiting = 0, prompt_tokens = 0,
          generated_tokens = 0;
    std::array<Count, kMockFaults> faults{};
  };
  static void add(Count& count, std::int64_t amount = 1) {
    count.fetch_add(amount, std::memory_order_relaxed);
  }
  void enter();
  void leave() { add(counts_.in_flight, -1); }
  Counts& counts() { return counts_; }

 private:
  struct Entry {
    std::uint32_t asked = 0;
    std::uint32_t answered = 0;
    std::uint32_t faults = 0;
  };
  struct Hash {
    std::size_t operator()(const MockKey& key) const { return key.low; }
  };
  // By the key's bits, so that loops seldom wait for each other.
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<MockKey, Entry, Hash> entries;
    std::unordered_set<MockKey, Hash> prompts;
  };
  static constexpr std::size_t kShards = 16;
  Shard& shard_of(MockKey key) { return shards_[key.high % kShards]; }

  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  Counts counts_;
  std::array<Shard, kShards> shards_;
  mutable std::mutex records_mutex_;
  std::vector<MockRecord> records_;
};

}  // namespace tpt::engine
