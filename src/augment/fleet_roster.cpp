#include "augment/fleet_core.h"

#include <algorithm>
#include <utility>

namespace tpt::augment {

void FleetCore::join(MemberSpec spec, bool announce, Effects& effects) {
  const auto member = std::make_shared<Member>(std::move(spec), config_);
  member->id = next_id_++;
  member->last_answer_seconds = now_seconds_;
  const auto before =
      std::find_if(departed_.begin(), departed_.end(),
                   [&](const EndpointStatus& status) { return status.name == member->spec.name; });
  if (before != departed_.end()) {
    member->totals = *before;
    departed_.erase(before);
  }
  if (free_places_.empty()) {
    member->place = router_.add_place();
    by_place_.push_back(member);
  } else {
    member->place = free_places_.back();
    free_places_.pop_back();
    by_place_[member->place] = member;
  }
  members_.push_back(member);
  members_by_id_.emplace(member->id, member);
  gave_up_ = false;
  last_well_seconds_ = now_seconds_;
  refresh(member);
  send_probe(member, effects);
  if (announce) {
    tell(FleetEvent::Kind::joined, *member, member->spec.name + " has joined", effects);
  }
}

void FleetCore::depart_if_done(const MemberPtr& member, Effects& effects) {
  if (!member->leaving || !member->attempts.empty() || !members_by_id_.erase(member->id)) {
    return;
  }
  refresh(member);
  std::erase(members_, member);
  by_place_[member->place] = nullptr;
  free_places_.push_back(member->place);
  EndpointStatus status = member->status(now_seconds_);
  status.state = "left";
  status.limit = 0;
  departed_.push_back(std::move(status));
  tell(FleetEvent::Kind::left, *member, member->spec.name + " has left", effects);
  gone_.push_back(member);
  timers_.add({now_seconds_, TimerKind::farewell});
  if (all_out()) {
    give_up(engine::Failure::unauthorized, "no endpoint lets us in: " + troubles(), effects);
  }
}

void FleetCore::fire(const Timer& timer, Effects& effects) {
  switch (timer.kind) {
    case TimerKind::hedge:
      consider_hedge(timer.id, timer.serial);
      return;
    case TimerKind::retry:
    case TimerKind::deadline:
    case TimerKind::grace:
      if (const FlightPtr flight = flight_of(timer.id)) {
        fire_for(flight, timer, effects);
      }
      return;
    case TimerKind::pause:
    case TimerKind::probe:
    case TimerKind::probe_limit:
      if (const MemberPtr member = member_of(timer.id)) {
        fire_for(member, timer, effects);
      }
      return;
    case TimerKind::farewell:
      return;
    case TimerKind::upkeep:
      upkeep(effects);
      return;
  }
}

void FleetCore::fire_for(const FlightPtr& flight, const Timer& timer, Effects& effects) {
  if (timer.kind == TimerKind::deadline) {
    end(flight, engine::Failure::timed_out, "the request's deadline_seconds are over", effects);
  } else if (timer.kind == TimerKind::grace) {
    settle_failed(flight, flight->ending, flight->ending_error, effects);
  } else if (timer.serial == flight->retry_serial && flight->ending == engine::Failure::none) {
    queue(flight);
  }
}

void FleetCore::fire_for(const MemberPtr& member, const Timer& timer, Effects& effects) {
  if (timer.kind == TimerKind::pause) {
    refresh(member);
  } else if (timer.kind == TimerKind::probe) {
    member->probe_due = false;
    probe_downed(member, effects);
  } else if (member->probing && timer.serial == member->probe_serial) {
    take_probe(member, Pulse::silent, "no answer to a probe", effects);
  }
}

FleetCore::MemberPtr FleetCore::member_of(std::uint64_t id) const {
  const auto found = members_by_id_.find(id);
  return found == members_by_id_.end() ? nullptr : found->second;
}

FleetCore::FlightPtr FleetCore::flight_of(std::uint64_t id) const {
  const auto found = flights_.find(id);
  return found == flights_.end() ? nullptr : found->second;
}

}  // namespace tpt::augment
