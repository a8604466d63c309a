#include "augment/fleet_core.h"

#include <algorithm>

namespace tpt::augment {

namespace {

// A measured speed is trusted within this factor of what is usual in the fleet.
constexpr double kSpeedRange = 20;

}  // namespace

void FleetCore::queue(const FlightPtr& flight) {
  flight->queued = true;
  if (!flight->refused_by.empty()) {
    referred_.push_back(flight);
  } else {
    (flight->attempts > 0 ? urgent_ : fresh_).push_back(flight);
  }
}

void FleetCore::pump(Effects& effects) {
  const auto serve = [&](std::deque<FlightPtr>& line) {
    while (!line.empty()) {
      const FlightPtr flight = line.front();
      // One that was ended while it waited is still in line.
      if (flight->queued && !flight->settled) {
        const MemberPtr member = choose(*flight);
        if (!member) {
          return false;
        }
        flight->queued = false;
        send(flight, member, false, effects);
      }
      line.pop_front();
    }
    return true;
  };
  serve_referred(effects);
  if (serve(urgent_)) {
    send_hedges(effects);
    serve(fresh_);
  }
}

// Of those that wait a few: each may have another endpoint to avoid, and does not keep the others
// from theirs.
void FleetCore::serve_referred(Effects& effects) {
  constexpr std::size_t kLookedAt = 16;
  for (std::size_t left = std::min(kLookedAt, referred_.size()); left > 0; --left) {
    const FlightPtr flight = referred_.front();
    referred_.pop_front();
    if (!flight->queued || flight->settled) {
      continue;
    }
    if (const MemberPtr member = choose_judge(*flight)) {
      flight->queued = false;
      send(flight, member, false, effects);
    } else if (!has_judge(*flight)) {
      settle_failed(flight, flight->error.failure, flight->error.error, effects);
    } else {
      referred_.push_back(flight);
    }
  }
}

// The one with the most room among those that did not refuse it.
FleetCore::MemberPtr FleetCore::choose_judge(const Flight& flight) const {
  MemberPtr best;
  double most = 0;
  for (const MemberPtr& member : members_) {
    if (!is_judge(flight, *member) || !member->may_judge(now_seconds_)) {
      continue;
    }
    const auto allowed = static_cast<double>(member->allowed());
    const double room = (allowed - static_cast<double>(member->in_flight())) / allowed;
    if (room > most) {
      best = member;
      most = room;
    }
  }
  return best;
}

FleetCore::MemberPtr FleetCore::choose(const Flight& flight) {
  std::size_t place = Router::kNone;
  if (flight.avoid != 0) {
    const MemberPtr avoided = member_of(flight.avoid);
    place = avoided ? router_.best_without(avoided->place) : Router::kNone;
  }
  if (place == Router::kNone) {
    place = router_.best();
  }
  return place == Router::kNone ? nullptr : by_place_[place];
}

void FleetCore::send(const FlightPtr& flight, const MemberPtr& member, bool hedge,
                     Effects& effects) {
  auto attempt = std::make_shared<Attempt>();
  attempt->member = member;
  attempt->engine = member->spec.engine.get();
  attempt->number = flight->attempts++;
  attempt->sent_seconds = now_seconds_;
  attempt->predicted_tokens = flight->predicted_tokens;
  attempt->hedge = hedge;
  member->add(attempt, flight, now_seconds_);
  router_.used(member->place);
  refresh(member);
  flight->live.push_back(attempt);
  if (flight->watch && !hedge) {
    flight->watch->listen_to(attempt->number);
  }
  if (!hedge) {
    watch_for_straggling(*flight, *attempt);
  }
  effects.sends.emplace_back(flight, std::move(attempt));
}

void FleetCore::refresh(const MemberPtr& member) {
  const std::int64_t capacity = member->leaving ? 0 : member->allowed();
  capacity_ += capacity - member->counted_capacity;
  member->counted_capacity = capacity;
  if (!member->open(now_seconds_)) {
    router_.set_score(member->place, Router::kUnavailable);
    return;
  }
  double speed = 1;
  if (usual_speed_ > 0) {
    speed = member->speed.known()
                ? std::clamp(member->speed.tokens_per_second(), usual_speed_ / kSpeedRange,
                             usual_speed_ * kSpeedRange)
                : usual_speed_;
  }
  const double work = member->outstanding_tokens + usual_tokens_;
  router_.set_score(member->place, work / (speed * member->spec.weight));
}

void FleetCore::refresh_scores() {
  for (const MemberPtr& member : members_) {
    refresh(member);
  }
}

}  // namespace tpt::augment
