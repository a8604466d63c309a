// What a run has cost so far, by endpoint and over all its calls: tokens, GPU-seconds, money.
#pragma once

#include "augment/status.h"
#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tpt::augment {

struct Spend {
  std::int64_t requests = 0;  // sent, every attempt
  std::int64_t answers = 0;   // that were used
  std::int64_t retries = 0;
  std::int64_t hedges = 0;
  std::int64_t prompt_tokens = 0;  // of every attempt
  std::int64_t generated_tokens = 0;
  std::int64_t wasted_prompt_tokens = 0;  // of attempts whose answer was not used
  std::int64_t wasted_generated_tokens = 0;
  double busy_seconds = 0;
  double gpu_seconds = 0;
  double money = 0;       // 0 where no price is known
  double hour_money = 0;  // of this, for the time
  // What was in flight, over the time; and of the time during which the endpoint had all that it
  // may be given at once, how long that was, and what was in flight.
  double request_seconds = 0;
  double full_seconds = 0;
  double full_request_seconds = 0;

  Spend& operator+=(const Spend& other);
  bool operator==(const Spend&) const = default;
};

Spend spend_of(const EndpointStatus& endpoint);
Spend total(const std::map<std::string, Spend>& endpoints);

// All calls of one run.
struct SpendRecord {
  std::int64_t calls = 0;
  double seconds = 0;       // of wall time, summed over the calls
  bool incomplete = false;  // an earlier record was damaged: what it held is missing here
  std::map<std::string, Spend> endpoints;

  bool operator==(const SpendRecord&) const = default;
};

Json to_json(const SpendRecord& record);
// Error(data), naming `what`, for anything else.
SpendRecord spend_from_json(const Json& json, const std::string& what);
// The record of a folder; an empty one where there is none. Error(data) where it is damaged.
SpendRecord read_spend(const std::filesystem::path& folder);

// Where the tokens went, rows and attempts together: the figures a person asks for.
struct SpendSummary {
  std::int64_t generated_tokens = 0;  // every attempt of every call
  std::int64_t kept_tokens = 0;       // thinking of the rows that were written
  std::int64_t unused_tokens = 0;     // retries, hedges that lost
  std::int64_t rejected_tokens = 0;   // of rows that the gate rejected
  std::int64_t saved_tokens = 0;      // not generated: loops that were stopped
  double wasted_share = 0;            // (unused + rejected) / generated, 0 to 1
  double gpu_hours = 0;
  double money = 0;
  double money_per_million_kept = 0;  // 0 where no price is known or nothing was kept
};

SpendSummary summarize(const SpendRecord& record, const JobStatus& job);

// Adds what this call spends to what stands in folder/spend.json. A kill loses what was spent since
// the last save(). Not to be shared by threads.
class SpendLedger {
 public:
  // Error(io) where the file cannot be read. A damaged one is moved aside to spend.json.damaged,
  // and the record says that it is incomplete.
  explicit SpendLedger(const std::filesystem::path& folder);

  // `seconds` and `endpoints` as they stand now, counted from the start of this process. Endpoints
  // that have gone keep what they had; one that counts from 0 again is added to what it had. What
  // is in flight is taken to have been so since the last update.
  void update(double seconds, const std::vector<EndpointStatus>& endpoints);
  // Writes the file where anything was asked or answered since the last time. Error(io).
  void save();
  // The end of a call that did its work, if only from the journal: writes the file. Error(io).
  void close();

  SpendRecord record() const;  // all calls
  Spend this_call() const;

 private:
  struct Counted {
    Spend before;  // of an earlier life of the endpoint in this call
    Spend now;
    Spend held;  // what was in flight, as it was seen
  };

  std::filesystem::path file_;
  SpendRecord earlier_;
  std::map<std::string, Counted> counted_;
  double seconds_ = 0;
  Spend saved_;  // of this call, as the file has it
};

}  // namespace tpt::augment
