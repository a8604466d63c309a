#include "augment/fleet_core.h"

#include <algorithm>
#include <cmath>

namespace tpt::augment {

namespace {

// How often a request is looked at while nothing is known of usual latencies.
constexpr double kFirstLookSeconds = 1;
// Requests that wait for their second copy, before those that need none any more are cleared away.
constexpr std::size_t kClearingSize = 256;

}  // namespace

void FleetCore::watch_for_straggling(const Flight& flight, const Attempt& attempt) {
  if (config_.hedge_share <= 0 || flight.hedged) {
    return;
  }
  const double late = forecast_.straggler_seconds(attempt.predicted_tokens);
  const double age = now_seconds_ - attempt.sent_seconds;
  // The line between stragglers and others moves: whoever has not reached it looks again.
  const double wait =
      std::isfinite(late) ? std::max(late - age, 0.01) : std::max(kFirstLookSeconds, age / 2);
  timers_.add({now_seconds_ + wait, TimerKind::hedge, flight.id,
               static_cast<std::uint64_t>(attempt.number)});
}

FleetCore::AttemptPtr FleetCore::straggling(const Flight& flight) const {
  const bool alone = flight.hopeful() == 1 && !flight.hedged && !flight.settled &&
                     flight.ending == engine::Failure::none;
  const auto found = std::find_if(flight.live.begin(), flight.live.end(),
                                  [](const AttemptPtr& attempt) { return !attempt->abandoned; });
  return alone ? *found : nullptr;
}

void FleetCore::consider_hedge(std::uint64_t flight_id, std::uint64_t attempt_number) {
  const FlightPtr flight = flight_of(flight_id);
  const AttemptPtr attempt = flight ? straggling(*flight) : nullptr;
  if (!attempt || flight->wants_hedge ||
      attempt->number != static_cast<std::int64_t>(attempt_number)) {
    return;
  }
  const double late = forecast_.straggler_seconds(attempt->predicted_tokens);
  if (now_seconds_ - attempt->sent_seconds < late) {
    watch_for_straggling(*flight, *attempt);
    return;
  }
  if (stragglers_.size() >= kClearingSize && stragglers_.size() >= 2 * flights_.size()) {
    std::erase_if(stragglers_, [this](const FlightPtr& other) { return !straggling(*other); });
  }
  flight->wants_hedge = true;
  stragglers_.push_back(flight);
}

void FleetCore::send_hedges(Effects& effects) {
  while (!stragglers_.empty()) {
    const FlightPtr flight = stragglers_.front();
    const AttemptPtr attempt = straggling(*flight);
    if (attempt) {
      const bool affordable =
          static_cast<double>(hedges_ + 1) <= config_.hedge_share * static_cast<double>(requests_);
      const std::size_t place =
          affordable ? router_.best_without(attempt->member->place) : Router::kNone;
      if (place == Router::kNone) {
        return;
      }
      ++hedges_;
      flight->hedged = true;
      send(flight, by_place_[place], true, effects);
    }
    flight->wants_hedge = false;
    stragglers_.pop_front();
  }
}

}  // namespace tpt::augment
