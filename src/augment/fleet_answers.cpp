#include "augment/fleet_core.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tpt::augment {

namespace {

using engine::Failure;

// An attempt that was cancelled may take so long to come back with its text.
constexpr double kGraceSeconds = 5;
// Refusals in a row from which on an endpoint is suspected to refuse everything.
constexpr std::int64_t kSuspiciousRefusals = 3;
// Endpoints that a request is refused by before that counts as its own fault.
constexpr std::size_t kMostRefusals = 4;

bool is_answer(const engine::Response& response) { return response.finish != Finish::error; }

std::string with_endpoint(const std::string& endpoint, const std::string& error) {
  const std::string said = error.empty() ? "no reason given" : error;
  return said.find(endpoint) != std::string::npos ? said : endpoint + ": " + said;
}

}  // namespace

void FleetCore::take_answer(const FlightPtr& flight, Attempt& attempt, engine::Response& response,
                            Effects& effects) {
  const MemberPtr member = std::exchange(attempt.member, nullptr);
  member->remove(attempt, now_seconds_);
  std::erase_if(flight->live, [&](const AttemptPtr& other) { return other.get() == &attempt; });
  if (response.endpoint.empty()) {
    response.endpoint = member->spec.name;
  }
  if (config_.allow_mixed_models) {
    response.engine = attempt.engine->name();
  }
  if (!is_answer(response) && response.failure == Failure::none) {
    response.failure = Failure::broken;
  }
  if (response.failure == Failure::cancelled && !attempt.stop.stop_requested()) {
    response.failure = Failure::unreachable;
  }
  judge(member, attempt, response, effects);
  const double seconds = now_seconds_ - attempt.sent_seconds;
  if (flight->settled) {
    if (response.prompt_tokens == 0) {
      response.prompt_tokens = attempt.known_prompt_tokens;
    }
    member->charge(response, false, seconds);
  } else if (is_answer(response)) {
    member->charge(response, true, seconds);
    forecast_.answered(response.generated_tokens, seconds, attempt.predicted_tokens);
    member->speed.answered(response.generated_tokens, seconds);
    settle(flight, std::move(response), effects);
  } else {
    member->charge(response, false, seconds);
    ++member->totals.failures[std::string(engine::failure_name(response.failure))];
    response.error = with_endpoint(member->spec.name, response.error);
    // Before its fate is decided: the endpoint that failed is the one to avoid.
    const std::uint64_t member_id = member->id;
    if (flight->ending == Failure::none && !attempt.abandoned) {
      flight->avoid = member_id;
    }
    take_failure(flight, attempt, std::move(response), effects);
  }
  refresh(member);
  depart_if_done(member, effects);
}

void FleetCore::take_failure(const FlightPtr& flight, const Attempt& attempt,
                             engine::Response response, Effects& effects) {
  const Failure failure = response.failure;
  flight->keep_error(std::move(response));
  if (flight->ending != Failure::none) {
    if (flight->live.empty()) {
      settle_failed(flight, flight->ending, flight->ending_error, effects);
    }
    return;
  }
  if (attempt.abandoned) {
    return;
  }
  const MemberPtr member = member_of(flight->avoid);
  const bool final = failure == Failure::too_long || failure == Failure::refused;
  if (final && !is_doubtful(*flight, *member)) {
    settle_failed(flight, failure, flight->error.error, effects);
    return;
  }
  if (final) {
    refer(*flight, member);
  }
  const bool lost = failure == Failure::unreachable || failure == Failure::cancelled;
  // Where the endpoint answers others it is this request that it does not let in.
  const bool counts = failure == Failure::broken || failure == Failure::timed_out ||
                      failure == Failure::internal ||
                      (failure == Failure::unauthorized && member->usable());
  flight->moves += lost ? 1 : 0;
  flight->failures += counts ? 1 : 0;
  if (flight->hopeful() > 0) {
    // The other copy goes on, and has the caller's ear from now on.
    if (flight->watch) {
      for (const AttemptPtr& other : flight->live) {
        if (!other->abandoned) {
          flight->watch->listen_to(other->number);
        }
      }
    }
  } else if (flight->failures >= config_.request_attempts ||
             flight->moves >= config_.request_moves) {
    settle_failed(
        flight, failure,
        fmt::format("{} (given up after {} attempts)", flight->error.error, flight->attempts),
        effects);
  } else if (counts) {
    retry_later(flight);
  } else {
    queue(flight);
  }
}

bool FleetCore::is_doubtful(const Flight& flight, const Member& member) const {
  const bool is_suspicious =
      member.totals.answers == 0 || member.refused_in_row >= kSuspiciousRefusals;
  return is_suspicious && flight.refused_by.size() + 1 < kMostRefusals &&
         has_judge(flight, member.id);
}

bool FleetCore::is_judge(const Flight& flight, const Member& member) const {
  return member.usable() && !member.leaving &&
         std::find(flight.refused_by.begin(), flight.refused_by.end(), member.id) ==
             flight.refused_by.end();
}

bool FleetCore::has_judge(const Flight& flight, std::uint64_t except) const {
  return std::any_of(members_.begin(), members_.end(), [&](const MemberPtr& member) {
    return member->id != except && is_judge(flight, *member);
  });
}

void FleetCore::refer(Flight& flight, const MemberPtr& refuser) {
  flight.refused_by.push_back(refuser->id);
  ++refuser->unjudged;
  refresh(refuser);
}

void FleetCore::retry_later(const FlightPtr& flight) {
  const double longest =
      std::min(config_.max_retry_seconds,
               config_.retry_seconds * std::exp2(static_cast<double>(flight->failures - 1)));
  Random random(
      derive_seed(config_.seed, flight->request.key, fmt::format("retry {}", flight->failures)));
  timers_.add({now_seconds_ + longest * random.uniform(), TimerKind::retry, flight->id,
               ++flight->retry_serial});
}

void FleetCore::settle(const FlightPtr& flight, engine::Response response, Effects& effects) {
  flight->settled = true;
  flight->queued = false;
  flights_.erase(flight->id);
  for (const AttemptPtr& loser : flight->live) {
    if (!loser->abandoned && is_answer(response)) {
      // The same prompt, so the same tokens; its answer says how much of the other was written.
      loser->known_prompt_tokens = response.prompt_tokens;
      flight->wasted_prompt_tokens += response.prompt_tokens;
    }
    loser->abandoned = true;
    effects.stops.push_back(loser->stop);
  }
  if (is_answer(response)) {
    flight->add_waste(flight->error);
  }
  for (const std::uint64_t id : flight->refused_by) {
    if (const MemberPtr refuser = member_of(id)) {
      --refuser->unjudged;
      refuser->contradicted += is_answer(response) ? 1 : 0;
      if (refuser->contradicted >= kSuspiciousRefusals && refuser->usable()) {
        take_down(refuser, "it refuses what others answer: " + flight->error.error, effects);
      }
      refresh(refuser);
    }
  }
  response.attempts = flight->attempts;
  response.seconds = now_seconds_ - flight->submitted_seconds;
  response.wasted_prompt_tokens += flight->wasted_prompt_tokens;
  response.wasted_generated_tokens += flight->wasted_generated_tokens;
  effects.answers.emplace_back(flight, std::move(response));
}

void FleetCore::settle_failed(const FlightPtr& flight, engine::Failure failure, std::string error,
                              Effects& effects) {
  engine::Response response = std::move(flight->error);
  response.finish = Finish::error;
  response.failure = failure;
  response.error = std::move(error);
  settle(flight, std::move(response), effects);
}

void FleetCore::end(const FlightPtr& flight, engine::Failure failure, std::string error,
                    Effects& effects) {
  if (flight->settled || flight->ending != Failure::none) {
    return;
  }
  if (flight->live.empty()) {
    settle_failed(flight, failure, std::move(error), effects);
    return;
  }
  flight->ending = failure;
  flight->ending_error = std::move(error);
  flight->queued = false;
  for (const AttemptPtr& attempt : flight->live) {
    effects.stops.push_back(attempt->stop);
  }
  timers_.add({now_seconds_ + kGraceSeconds, TimerKind::grace, flight->id});
}

}  // namespace tpt::augment
