// How a fleet treats its endpoints and the requests given to it.
#pragma once

#include "base/config.h"

#include <cstdint>

namespace tpt::augment {

struct FleetConfig {
  std::int64_t start_in_flight = 32;  // of an endpoint that joins, before anything is known of it
  std::int64_t most_in_flight = 512;  // of one endpoint; not an option: its engine's
  double decrease = 0.7;              // of an endpoint's limit on 429, 503 and timeouts
  std::int64_t failures_until_down = 5;  // in a row, of an endpoint
  double probe_seconds = 1;              // after going down; doubles up to ...
  double max_probe_seconds = 15;
  double health_check_seconds = 10;   // silence of a working endpoint until it is probed; 0: never
  std::int64_t request_attempts = 4;  // answers that are none, or timeouts, until a request fails
  std::int64_t request_moves = 20;    // lost connections until a request fails
  double retry_seconds = 0.5;         // longest wait before the first retry; doubles up to ...
  double max_retry_seconds = 30;
  double max_retry_after_seconds = 3600;  // a longer Retry-After is taken as this
  double deadline_seconds = 0;            // of a request, all its attempts together; 0: none
  double patience_seconds = 300;          // without any endpoint up, until all requests fail
  double hedge_share = 0.02;     // of the requests may be sent a second time while the first runs
  double hedge_quantile = 0.99;  // of the latencies; a straggler is a quarter slower
  bool allow_mixed_models = false;
  std::uint64_t seed = 1;  // of jitter and ties; not an option
};

void describe(Fields& fields, FleetConfig& config);

// Error(user) for settings that contradict each other.
void check(const FleetConfig& config);

}  // namespace tpt::augment
