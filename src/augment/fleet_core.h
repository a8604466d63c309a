// The logic of a fleet: one state under one mutex, changed by submit(), by the answers of the
// members and by the clock. What goes out (requests, answers, cancellations, probes) is collected
// while the mutex is held and done after it is let go.
#pragma once

#include "augment/fleet.h"
#include "augment/fleet_events.h"
#include "augment/fleet_flight.h"
#include "augment/fleet_forecast.h"
#include "augment/fleet_member.h"
#include "augment/fleet_router.h"
#include "augment/fleet_timers.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tpt::augment {

class FleetCore : public std::enable_shared_from_this<FleetCore> {
 public:
  FleetCore(const FleetConfig& config, std::function<void(const FleetEvent&)> on_event,
            std::unique_ptr<FleetClock> clock);

  void start();
  // Cancels what is in flight; after it no `done` is called and all engines are let go.
  void close();
  void submit(engine::Request request, engine::Engine::Done done);
  // `announce`: tell of those that join.
  void set_members(std::vector<MemberSpec> specs, bool announce);
  std::int64_t capacity() const { return std::max<std::int64_t>(capacity_, 1); }
  std::vector<EndpointStatus> endpoints() const;

 private:
  using FlightPtr = std::shared_ptr<Flight>;
  using MemberPtr = std::shared_ptr<Member>;
  using AttemptPtr = std::shared_ptr<Attempt>;

  struct Probing {
    Probe probe;
    std::uint64_t member_id = 0;
    std::uint64_t serial = 0;
  };

  // What is to be done once the mutex is free, in this order.
  struct Effects {
    std::vector<std::stop_source> stops;
    std::vector<std::pair<FlightPtr, AttemptPtr>> sends;
    std::vector<std::pair<FlightPtr, engine::Response>> answers;
    std::vector<Probing> probes;
    std::vector<FleetEvent> events;
    double wake_seconds = kNever;
  };

  // Entries (fleet_core.cpp): each locks, changes the state, and performs what came of it.
  template <typename Change>
  void enter(Change change);
  void perform(Effects effects);
  double tick();
  void answered(const FlightPtr& flight, const AttemptPtr& attempt, engine::Response response);
  void cancelled_by_caller(std::uint64_t flight_id);
  void probed(std::uint64_t member_id, std::uint64_t serial, Pulse pulse, const std::string& why);

  // Sending (fleet_dispatch.cpp).
  void pump(Effects& effects);
  void serve_referred(Effects& effects);
  void send(const FlightPtr& flight, const MemberPtr& member, bool hedge, Effects& effects);
  MemberPtr choose(const Flight& flight);
  MemberPtr choose_judge(const Flight& flight) const;
  void queue(const FlightPtr& flight);
  void refresh(const MemberPtr& member);
  void refresh_scores();

  // Second copies of stragglers (fleet_hedges.cpp).
  void watch_for_straggling(const Flight& flight, const Attempt& attempt);
  void consider_hedge(std::uint64_t flight_id, std::uint64_t attempt_number);
  void send_hedges(Effects& effects);
  AttemptPtr straggling(const Flight& flight) const;

  // Answers (fleet_answers.cpp).
  void take_answer(const FlightPtr& flight, Attempt& attempt, engine::Response& response,
                   Effects& effects);
  void take_failure(const FlightPtr& flight, const Attempt& attempt, engine::Response response,
                    Effects& effects);
  // Whether another endpoint is to judge what `member` refused.
  bool is_doubtful(const Flight& flight, const Member& member) const;
  bool is_judge(const Flight& flight, const Member& member) const;
  // `except`: the id of one that is not asked.
  bool has_judge(const Flight& flight, std::uint64_t except = 0) const;
  void refer(Flight& flight, const MemberPtr& refuser);
  void retry_later(const FlightPtr& flight);
  void settle(const FlightPtr& flight, engine::Response response, Effects& effects);
  void settle_failed(const FlightPtr& flight, engine::Failure failure, std::string error,
                     Effects& effects);
  // Ends a request for that reason: at once, or as soon as its attempts are back.
  void end(const FlightPtr& flight, engine::Failure failure, std::string error, Effects& effects);

  // Health (fleet_health.cpp).
  // What an attempt's answer says of the endpoint.
  void judge(const MemberPtr& member, const Attempt& attempt, const engine::Response& response,
             Effects& effects);
  void member_answered(const MemberPtr& member, Effects& effects);
  void member_busy(const MemberPtr& member, const Attempt& attempt,
                   const engine::Response& response, Effects& effects);
  void member_failed(const MemberPtr& member, const engine::Response& response, Effects& effects);
  void member_refused_us(const MemberPtr& member, const std::string& error, Effects& effects);
  void take_down(const MemberPtr& member, const std::string& why, Effects& effects);
  void bring_up(const MemberPtr& member, Effects& effects);
  void put_on_trial(const MemberPtr& member);
  void move_stranded(Effects& effects);
  // Tells of a limit that was cut deeply.
  void note_limit(const MemberPtr& member, const std::string& why, Effects& effects);
  void tell(FleetEvent::Kind kind, const Member& member, std::string message, Effects& effects);

  // Probes, and what is looked at every second (fleet_upkeep.cpp).
  void schedule_probe(const MemberPtr& member);
  void send_probe(const MemberPtr& member, Effects& effects);
  void probe_downed(const MemberPtr& member, Effects& effects);
  void take_probe(const MemberPtr& member, Pulse pulse, const std::string& why, Effects& effects);
  void upkeep(Effects& effects);
  void look_at(const MemberPtr& member, Effects& effects);
  void learn_usual();
  void check_patience(Effects& effects);
  void give_up(engine::Failure failure, const std::string& error, Effects& effects);
  bool all_out() const;
  std::string troubles() const;

  // Members (fleet_roster.cpp).
  void join(MemberSpec spec, bool announce, Effects& effects);
  void depart_if_done(const MemberPtr& member, Effects& effects);
  void fire(const Timer& timer, Effects& effects);
  void fire_for(const FlightPtr& flight, const Timer& timer, Effects& effects);
  void fire_for(const MemberPtr& member, const Timer& timer, Effects& effects);
  MemberPtr member_of(std::uint64_t id) const;
  FlightPtr flight_of(std::uint64_t id) const;

  const FleetConfig config_;
  const std::function<void(const FleetEvent&)> on_event_;
  const std::unique_ptr<FleetClock> clock_;

  mutable std::mutex mutex_;
  std::condition_variable idle_;
  std::int64_t performing_ = 0;  // threads that are doing effects
  bool closed_ = false;
  double now_seconds_ = 0;  // of the entry that holds the mutex
  double wake_seconds_ = kNever;
  std::atomic<std::uint64_t> next_id_ = 1;
  std::atomic<std::int64_t> capacity_ = 0;

  std::vector<MemberPtr> members_;  // in the order of joining
  std::unordered_map<std::uint64_t, MemberPtr> members_by_id_;
  std::vector<MemberPtr> by_place_;  // as the router numbers them
  // An engine that left is let go by the clock's thread while no other is in its code: its own
  // threads could not wait for themselves.
  std::vector<MemberPtr> gone_;
  std::vector<std::size_t> free_places_;
  std::vector<EndpointStatus> departed_;  // the counts of those that left
  Router router_;
  double usual_tokens_ = 0;      // of a request, as the scores have it
  double usual_speed_ = 0;       // tokens a second of a member; 0: not known
  double predicted_tokens_ = 0;  // running mean over the requests
  double faded_seconds_ = 0;     // when the speeds last were

  std::unordered_map<std::uint64_t, FlightPtr> flights_;
  std::deque<FlightPtr> urgent_;  // were sent before
  std::deque<FlightPtr> fresh_;
  std::deque<FlightPtr> referred_;    // were refused; wait for an endpoint that did not
  std::deque<FlightPtr> stragglers_;  // wait for a place for their second copy
  Timers timers_;
  Forecast forecast_;
  EventGate gate_;
  std::int64_t requests_ = 0;
  std::int64_t hedges_ = 0;
  bool upkeep_running_ = false;
  double last_well_seconds_ = 0;  // some member was doing well
  bool gave_up_ = false;
  engine::Failure gave_up_failure_ = engine::Failure::none;
  std::string gave_up_error_;
};

}  // namespace tpt::augment
