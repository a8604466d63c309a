// One endpoint of a fleet: its health, its limit, its speed, and what it has cost.
#pragma once

#include "augment/fleet.h"
#include "augment/fleet_flight.h"
#include "augment/fleet_forecast.h"
#include "augment/fleet_limit.h"
#include "augment/fleet_router.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tpt::augment {

// The circuit breaker: up -> down at failures or a failed probe -> trial when a probe succeeds or
// its time has come -> up at an answer. `out` is for endpoints that do not let us in.
enum class Health { up, trial, down, out };

// An endpoint gets nothing new while so many of its refusals wait to be judged.
constexpr std::int64_t kMostUnjudged = 3;

struct Member {
  Member(MemberSpec given, const FleetConfig& config);

  // Requests that it may be given at once as it is now.
  std::int64_t allowed() const;
  // May be given a request now.
  bool open(double now_seconds) const { return may_judge(now_seconds) && unjudged < kMostUnjudged; }
  // May be asked whether another one refused with reason.
  bool may_judge(double now_seconds) const {
    return !leaving && now_seconds >= paused_until_seconds && in_flight() < allowed();
  }
  bool usable() const { return health == Health::up || health == Health::trial; }
  std::int64_t in_flight() const { return static_cast<std::int64_t>(attempts.size()); }
  // Up and without trouble since its last answer; what it asked us to wait is no trouble.
  bool doing_well(double now_seconds) const;
  // What `most_in_flight` and `start_in_flight` say, the fleet's where they say nothing.
  void take_settings(const MemberSpec& given, const FleetConfig& config);

  void add(const std::shared_ptr<Attempt>& attempt, const std::shared_ptr<Flight>& flight,
           double now_seconds);
  void remove(const Attempt& attempt, double now_seconds);
  // Tokens of one attempt that took so long; `used`: its answer was.
  void charge(const engine::Response& response, bool used, double seconds);
  EndpointStatus status(double now_seconds) const;

  MemberSpec spec;
  std::uint64_t id = 0;
  std::size_t place = Router::kNone;  // in the router
  AdaptiveLimit limit;
  Speed speed;
  Health health = Health::up;
  bool leaving = false;
  std::string trouble;  // why it is not up
  double up_since_seconds = 0;
  double last_answer_seconds = 0;
  double checked_seconds = 0;  // its health
  double paused_until_seconds = 0;
  double trusted_until_seconds = 0;  // busy by its own word until then
  std::int64_t failures_in_row = 0;
  std::int64_t busy_in_row = 0;
  std::int64_t unauthorized_in_row = 0;
  std::int64_t failed_checks = 0;    // of its health while up, in a row
  std::int64_t probes_since_up = 0;  // their spacing doubles
  std::uint64_t probe_serial = 0;    // of the last probe
  bool probe_due = false;            // a timer stands for the next one
  std::int64_t refused_in_row = 0;
  std::int64_t unjudged = 0;      // requests that it refused and another one is to judge
  std::int64_t contradicted = 0;  // refused what another answered
  bool probing = false;
  bool stranded = false;  // what is in flight there is to go elsewhere
  double outstanding_tokens = 0;
  std::int64_t counted_capacity = 0;
  std::int64_t told_limit = 0;  // the highest since it was last told of
  double told_limit_seconds = -kNever;
  // What is in flight there, each with its request.
  std::vector<std::pair<std::shared_ptr<Attempt>, std::shared_ptr<Flight>>> attempts;

  EndpointStatus totals;  // the counts of it
  double busy_since_seconds = 0;
};

}  // namespace tpt::augment
