#include "augment/fleet_core.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace tpt::augment {

namespace {

using engine::Failure;

// An endpoint that has let others in is out only after so many refusals in a row.
constexpr std::int64_t kRefusalsUntilOut = 3;
// Limits are told of when they are down by this factor, and seldom.
constexpr std::int64_t kToldChange = 2;
constexpr double kBetweenToldSeconds = 10;

}  // namespace

void FleetCore::judge(const MemberPtr& member, const Attempt& attempt,
                      const engine::Response& response, Effects& effects) {
  if (response.finish != Finish::error) {
    if (member->health == Health::up) {
      member->probes_since_up = 0;
    }
    member->limit.answered({.sent_seconds = attempt.sent_seconds,
                            .answered_seconds = now_seconds_,
                            .in_flight = attempt.in_flight,
                            .tokens = response.generated_tokens});
    member->told_limit = std::max(member->told_limit, member->limit.value());
    member->refused_in_row = 0;
    member_answered(member, effects);
    return;
  }
  // What it says of a time before the endpoint came back says nothing of it now.
  if (attempt.sent_seconds < member->up_since_seconds || member->health == Health::out) {
    return;
  }
  switch (response.failure) {
    case Failure::refused:
    case Failure::too_long:
      ++member->refused_in_row;
      // One that has been found to refuse everything does not come back by one more refusal.
      if (member->health == Health::up || members_.size() == 1) {
        member_answered(member, effects);
      }
      return;
    case Failure::busy:
      member_busy(member, attempt, response, effects);
      return;
    case Failure::unauthorized:
      member_refused_us(member, response.error, effects);
      return;
    case Failure::cancelled:
      return;
    case Failure::timed_out:
      if (member->limit.troubled(attempt.sent_seconds, now_seconds_)) {
        note_limit(member, response.error, effects);
      }
      member_failed(member, response, effects);
      return;
    case Failure::none:
    case Failure::unreachable:
    case Failure::broken:
    case Failure::internal:
      member_failed(member, response, effects);
      return;
  }
}

void FleetCore::member_answered(const MemberPtr& member, Effects& effects) {
  if (member->health == Health::trial || member->health == Health::down) {
    bring_up(member, effects);
  }
  member->failures_in_row = 0;
  member->busy_in_row = 0;
  member->unauthorized_in_row = 0;
  member->failed_checks = 0;
  member->last_answer_seconds = now_seconds_;
  last_well_seconds_ = now_seconds_;
}

void FleetCore::member_busy(const MemberPtr& member, const Attempt& attempt,
                            const engine::Response& response, Effects& effects) {
  if (member->health == Health::trial) {
    bring_up(member, effects);
  }
  member->failures_in_row = 0;
  const bool first_of_round = member->limit.troubled(attempt.sent_seconds, now_seconds_);
  double pause = 0;
  if (response.retry_after_seconds > 0) {
    pause = std::min(response.retry_after_seconds, config_.max_retry_after_seconds);
  } else if (first_of_round) {
    const double longest =
        std::min(config_.max_retry_seconds,
                 config_.retry_seconds * std::exp2(static_cast<double>(member->busy_in_row)));
    Random random(derive_seed(config_.seed, member->spec.name,
                              fmt::format("busy {}", member->totals.requests)));
    pause = longest * (0.5 + 0.5 * random.uniform());
  }
  if (first_of_round) {
    note_limit(member, response.error, effects);
    if (member->busy_in_row++ == 0) {
      member->trusted_until_seconds = now_seconds_ + std::max(response.retry_after_seconds, 0.0);
    }
  }
  if (now_seconds_ + pause > member->paused_until_seconds) {
    member->paused_until_seconds = now_seconds_ + pause;
    timers_.add({member->paused_until_seconds, TimerKind::pause, member->id});
  }
}

void FleetCore::member_failed(const MemberPtr& member, const engine::Response& response,
                              Effects& effects) {
  if (!member->usable()) {
    return;
  }
  ++member->failures_in_row;
  if (member->health == Health::trial || member->failures_in_row >= config_.failures_until_down) {
    take_down(member, response.error, effects);
  } else if (response.failure == Failure::unreachable) {
    send_probe(member, effects);
  }
}

void FleetCore::member_refused_us(const MemberPtr& member, const std::string& error,
                                  Effects& effects) {
  ++member->unauthorized_in_row;
  if (!member->usable() ||
      (member->totals.answers > 0 && member->unauthorized_in_row < kRefusalsUntilOut)) {
    return;
  }
  member->health = Health::out;
  member->trouble = error;
  member->stranded = true;
  tell(FleetEvent::Kind::down, *member,
       fmt::format("{} is out: it does not let us in: {}", member->spec.name, error), effects);
  refresh(member);
  move_stranded(effects);
  if (all_out()) {
    give_up(Failure::unauthorized, "no endpoint lets us in: " + troubles(), effects);
  }
}

void FleetCore::take_down(const MemberPtr& member, const std::string& why, Effects& effects) {
  // A trial that failed is no news.
  if (member->health == Health::up) {
    tell(FleetEvent::Kind::down, *member, fmt::format("{} is down: {}", member->spec.name, why),
         effects);
  }
  member->health = Health::down;
  member->trouble = why;
  refresh(member);
  if (member->spec.probe && !member->stranded) {
    // What is in flight there may well be alive; the probe will say.
    send_probe(member, effects);
  } else {
    member->stranded = true;
    move_stranded(effects);
  }
  schedule_probe(member);
}

void FleetCore::put_on_trial(const MemberPtr& member) {
  member->health = Health::trial;
  member->limit.restart();
  member->up_since_seconds = now_seconds_;
  member->failures_in_row = 0;
  member->busy_in_row = 0;
  member->failed_checks = 0;
  member->contradicted = 0;
  member->stranded = false;
  gave_up_ = false;
  refresh(member);
}

void FleetCore::bring_up(const MemberPtr& member, Effects& effects) {
  if (member->health == Health::down) {
    put_on_trial(member);
  }
  member->health = Health::up;
  member->failures_in_row = 0;
  member->trouble.clear();
  refresh(member);
  last_well_seconds_ = now_seconds_;
  tell(FleetEvent::Kind::up, *member, member->spec.name + " is up again", effects);
  move_stranded(effects);
}

void FleetCore::move_stranded(Effects& effects) {
  const bool somewhere_to_go =
      std::any_of(members_.begin(), members_.end(),
                  [](const MemberPtr& member) { return member->usable() && !member->leaving; });
  if (!somewhere_to_go) {
    return;
  }
  std::vector<FlightPtr> moving;
  for (const MemberPtr& member : members_) {
    if (member->usable() || !member->stranded) {
      continue;
    }
    for (const auto& [attempt, flight] : member->attempts) {
      if (attempt->abandoned || flight->settled || flight->ending != Failure::none) {
        continue;
      }
      attempt->abandoned = true;
      effects.stops.push_back(attempt->stop);
      flight->avoid = member->id;
      ++flight->moves;
      if (flight->hopeful() == 0) {
        moving.push_back(flight);
      }
    }
    member->stranded = false;
  }
  // In the order in which they were asked for.
  std::sort(moving.begin(), moving.end(),
            [](const FlightPtr& a, const FlightPtr& b) { return a->id < b->id; });
  for (const FlightPtr& flight : moving) {
    queue(flight);
  }
}

void FleetCore::note_limit(const MemberPtr& member, const std::string& why, Effects& effects) {
  const std::int64_t now = member->limit.value();
  const std::int64_t before = member->told_limit;
  member->told_limit = std::max(now, before);
  if (kToldChange * now > before ||
      now_seconds_ - member->told_limit_seconds < kBetweenToldSeconds) {
    return;
  }
  member->told_limit = now;
  member->told_limit_seconds = now_seconds_;
  tell(FleetEvent::Kind::limit, *member,
       fmt::format("{} gets up to {} requests at once from now on, {} before: {}",
                   member->spec.name, now, before, why),
       effects);
}

void FleetCore::tell(FleetEvent::Kind kind, const Member& member, std::string message,
                     Effects& effects) {
  FleetEvent event{kind, member.spec.name, std::move(message)};
  if (on_event_ && gate_.pass(event, now_seconds_)) {
    effects.events.push_back(std::move(event));
  }
}

}  // namespace tpt::augment
