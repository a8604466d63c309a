// Many engines as one: servers that slow down, refuse, die and come back, members that join and
// leave while it runs, and every request answered exactly once.
//
//   Fleet fleet(config, {{.name = "http://gpu-1:8000/v1", .engine = ..., .probe = ...}, ...});
//   fleet.submit(request, done);       // as any other engine
//   fleet.set_members(new_list);       // joins and drains
//   fleet.endpoints();                 // health, spend and waste by endpoint
#pragma once

#include "augment/fleet_clock.h"
#include "augment/fleet_config.h"
#include "augment/status.h"
#include "engine/engine.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tpt::augment {

enum class Pulse {
  alive,
  silent,  // not there, or not well
  foreign  // there, but it would refuse our requests: it serves another model
};

// Asks an endpoint how it is, and calls back once, from any thread. `why` says what is wrong where
// it is not alive.
using Probe = std::function<void(std::function<void(Pulse pulse, std::string why)>)>;

struct MemberSpec {
  std::string name;  // unique in the fleet; shown to people, so never with a key
  std::shared_ptr<engine::Engine> engine;
  Probe probe;  // may be empty: then requests are what is tried
  double price_per_million_prompt_tokens = 0;
  double price_per_million_generated_tokens = 0;
  double price_per_hour = 0;         // while it has work
  double gpus = 1;                   // behind it; 0 where it is paid by the token
  double weight = 1;                 // share of the work relative to its speed
  std::int64_t start_in_flight = 0;  // 0: the fleet's
  std::int64_t most_in_flight = 0;   // 0: the fleet's
};

struct FleetEvent {
  enum class Kind { joined, left, up, down, limit };
  Kind kind = Kind::up;
  std::string endpoint;
  std::string message;  // a line for the log, with the endpoint's name in it
};

class FleetCore;

// A request goes to the endpoint with the least predicted work for its speed, among those that are
// up and below their limit. Where the endpoint fails it goes to another (docs/fleet.md says when
// and how often); `cancelled`, and `refused` and `too_long` of one that answers others, are
// returned at once. An error carries the longest text that had come, the tokens of all attempts,
// and a message that names the endpoint.
//
// Of one request `keep_going` sees one text at a time; it starts again with each attempt.
class Fleet : public engine::Engine {
 public:
  // `on_event` is called from any thread, must be short and must not call the fleet; events beyond
  // a few a second are summed up. Error(user) for an empty list, a name given twice, or members
  // that serve different models without `allow_mixed_models`.
  Fleet(const FleetConfig& config, std::vector<MemberSpec> members,
        std::function<void(const FleetEvent&)> on_event = {},
        std::unique_ptr<FleetClock> clock = std::make_unique<SteadyClock>());
  // Cancels and drops what is in flight.
  ~Fleet() override;
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  void submit(engine::Request request, Done done) override;
  // The limits of the members that are up, together; at least 1.
  std::int64_t capacity() const override;
  // The members' common name; the first one's where they are mixed.
  std::string name() const override;
  bool deterministic() const override;
  // Of the first member.
  const engine::TokenCounter& tokens() const override;

  // From now on these are the members. Known names keep their engine and all that was learned, and
  // take the new prices, weight and limits; others join; those not named get nothing new and leave
  // once they have answered. Errors as of the constructor; nothing has changed then. An empty list
  // is allowed here: requests wait.
  void set_members(std::vector<MemberSpec> members);

  // Every member, also those that left, in the order of joining.
  std::vector<EndpointStatus> endpoints() const;

 private:
  struct Face;
  void take_members(std::vector<MemberSpec> members, bool announce);

  FleetConfig config_;
  std::unique_ptr<Face> face_;
  std::shared_ptr<FleetCore> core_;  // shared with the callbacks that engines still hold
};

}  // namespace tpt::augment
