#include "engine/mock_ledger.h"

#include <algorithm>
#include <utility>

namespace tpt::engine {

std::int64_t MockStats::faults_given() const {
  std::int64_t sum = 0;
  for (const std::int64_t count : faults) sum += count;
  return sum;
}

Json to_json(const MockStats& stats) {
  Json faults = Json::object();
  for (const MockFaultName& known : mock_fault_names()) {
    const std::int64_t count = stats.faults[static_cast<std::size_t>(known.fault)];
    if (count > 0) faults[std::string(known.name)] = count;
  }
  return {{"requests", stats.requests},
          {"chat", stats.chat},
          {"plain", stats.plain},
          {"streamed", stats.streamed},
          {"other", stats.other},
          {"bad_requests", stats.bad_requests},
          {"too_long", stats.too_long},
          {"unauthorized", stats.unauthorized},
          {"refused_full", stats.refused_full},
          {"begun", stats.begun},
          {"answered", stats.answered},
          {"client_left", stats.client_left},
          {"in_flight", stats.in_flight},
          {"most_in_flight", stats.most_in_flight},
          {"waiting", stats.waiting},
          {"prompt_tokens", stats.prompt_tokens},
          {"generated_tokens", stats.generated_tokens},
          {"prompts", stats.prompts},
          {"distinct_requests", stats.distinct_requests},
          {"asked_again", stats.asked_again},
          {"answered_again", stats.answered_again},
          {"most_asked", stats.most_asked},
          {"faults_given", stats.faults_given()},
          {"faults", faults}};
}

Json to_json(const MockRecord& record) {
  return {{"at_seconds", record.at_seconds},
          {"prompt", record.prompt.hex()},
          {"request", record.key.hex()},
          {"asked", record.asked},
          {"status", record.status},
          {"fault", mock_fault_name(record.fault)},
          {"streamed", record.streamed},
          {"whole", record.whole},
          {"prompt_tokens", record.prompt_tokens},
          {"generated_tokens", record.generated_tokens}};
}

MockLedger::Asked MockLedger::ask(MockKey prompt, MockKey key, const MockFaultPlan& faults,
                                  bool streamed) {
  Asked result;
  {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    Entry& entry = shard.entries[key];
    result.asked = entry.asked++;
    const MockFault drawn = faults.draw_fault(key, result.asked, entry.faults);
    if (streamed || !needs_stream(drawn)) result.fault = drawn;
    if (result.fault != MockFault::none) ++entry.faults;
  }
  if (result.asked == 0) {
    Shard& shard = shard_of(prompt);
    const std::lock_guard lock(shard.mutex);
    shard.prompts.insert(prompt);
  }
  if (result.fault != MockFault::none) add(counts_.faults[static_cast<std::size_t>(result.fault)]);
  return result;
}

void MockLedger::answered(MockKey key) {
  add(counts_.answered);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  ++shard.entries[key].answered;
}

void MockLedger::enter() {
  const std::int64_t now = counts_.in_flight.fetch_add(1, std::memory_order_relaxed) + 1;
  std::int64_t most = counts_.most_in_flight.load(std::memory_order_relaxed);
  while (now > most && !counts_.most_in_flight.compare_exchange_weak(most, now)) {
  }
}

double MockLedger::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

void MockLedger::keep(const MockRecord& record) {
  const std::lock_guard lock(records_mutex_);
  records_.push_back(record);
}

std::vector<MockRecord> MockLedger::records() const {
  const std::lock_guard lock(records_mutex_);
  return records_;
}

MockStats MockLedger::stats() const {
  MockStats stats{.requests = counts_.requests,
                  .chat = counts_.chat,
                  .plain = counts_.plain,
                  .streamed = counts_.streamed,
                  .other = counts_.other,
                  .bad_requests = counts_.bad_requests,
                  .too_long = counts_.too_long,
                  .unauthorized = counts_.unauthorized,
                  .refused_full = counts_.refused_full,
                  .begun = counts_.begun,
                  .answered = counts_.answered,
                  .client_left = counts_.client_left,
                  .in_flight = counts_.in_flight,
                  .most_in_flight = counts_.most_in_flight,
                  .waiting = counts_.waiting,
                  .prompt_tokens = counts_.prompt_tokens,
                  .generated_tokens = counts_.generated_tokens};
  for (std::size_t i = 0; i < kMockFaults; ++i) stats.faults[i] = counts_.faults[i];
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    stats.prompts += static_cast<std::int64_t>(shard.prompts.size());
    stats.distinct_requests += static_cast<std::int64_t>(shard.entries.size());
    for (const auto& [key, entry] : shard.entries) {
      stats.asked_again += entry.asked > 1 ? 1 : 0;
      stats.answered_again += entry.answered > 1 ? 1 : 0;
      stats.most_asked = std::max<std::int64_t>(stats.most_asked, entry.asked);
    }
  }
  return stats;
}

void MockLedger::clear() {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.entries.clear();
    shard.prompts.clear();
  }
  const std::lock_guard lock(records_mutex_);
  records_.clear();
  for (Count* count :
       {&counts_.requests, &counts_.chat, &counts_.plain, &counts_.streamed, &counts_.other,
        &counts_.bad_requests, &counts_.too_long, &counts_.unauthorized, &counts_.refused_full,
        &counts_.begun, &counts_.answered, &counts_.client_left, &counts_.prompt_tokens,
        &counts_.generated_tokens}) {
    *count = 0;
  }
  counts_.most_in_flight = counts_.in_flight.load();
  for (Count& count : counts_.faults) count = 0;
}

}  // namespace tpt::engine
