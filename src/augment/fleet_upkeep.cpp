#include "augment/fleet_core.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tpt::augment {

namespace {

using engine::Failure;

// A request that has been in the works for so long was accepted by somebody.
constexpr double kHeldOutSeconds = 10;
constexpr double kProbeLimitSeconds = 30;
constexpr std::int64_t kFailedChecksUntilDown = 2;
constexpr double kFadeSeconds = 30;
constexpr std::size_t kNamedTroubles = 3;

// Something was sent there after it came up and has been in the works since.
bool holds_out(const Member& member, double now_seconds) {
  return std::any_of(member.attempts.begin(), member.attempts.end(), [&](const auto& entry) {
    return !entry.first->abandoned && entry.first->sent_seconds >= member.up_since_seconds &&
           now_seconds - entry.first->sent_seconds >= kHeldOutSeconds;
  });
}

}  // namespace

void FleetCore::schedule_probe(const MemberPtr& member) {
  if (member->probe_due) {
    return;
  }
  member->probe_due = true;
  const double longest =
      std::min(config_.max_probe_seconds,
               config_.probe_seconds * std::exp2(static_cast<double>(member->probes_since_up)));
  Random random(derive_seed(config_.seed, member->spec.name,
                            fmt::format("probe {} {}", member->probes_since_up, now_seconds_)));
  ++member->probes_since_up;
  timers_.add(
      {now_seconds_ + longest * (0.5 + 0.5 * random.uniform()), TimerKind::probe, member->id});
}

void FleetCore::send_probe(const MemberPtr& member, Effects& effects) {
  if (!member->spec.probe || member->probing) {
    return;
  }
  member->probing = true;
  effects.probes.push_back({member->spec.probe, member->id, ++member->probe_serial});
  timers_.add({now_seconds_ + kProbeLimitSeconds, TimerKind::probe_limit, member->id,
               member->probe_serial});
}

void FleetCore::probe_downed(const MemberPtr& member, Effects& effects) {
  if (member->health != Health::down) {
    return;
  }
  if (member->spec.probe) {
    send_probe(member, effects);
  } else {
    put_on_trial(member);
  }
}

void FleetCore::take_probe(const MemberPtr& member, Pulse pulse, const std::string& why,
                           Effects& effects) {
  member->probing = false;
  if (pulse == Pulse::alive) {
    member->failed_checks = 0;
    // The first probe after going down only says whether what is in flight there is lost.
    if (member->health == Health::down && !member->probe_due) {
      put_on_trial(member);
    }
    return;
  }
  if (member->health == Health::down) {
    member->trouble = why;
    member->stranded = true;
    move_stranded(effects);
    schedule_probe(member);
    return;
  }
  // Together with a lost connection one failed probe is enough.
  if (member->usable() &&
      (pulse == Pulse::foreign || ++member->failed_checks >= kFailedChecksUntilDown ||
       member->failures_in_row > 0 || member->health == Health::trial)) {
    member->stranded = true;
    take_down(member, why, effects);
  }
}

void FleetCore::upkeep(Effects& effects) {
  if (flights_.empty()) {
    upkeep_running_ = false;
    return;
  }
  learn_usual();
  for (const MemberPtr& member : members_) {
    look_at(member, effects);
  }
  refresh_scores();
  check_patience(effects);
  timers_.add({now_seconds_ + 1, TimerKind::upkeep});
}

void FleetCore::look_at(const MemberPtr& member, Effects& effects) {
  if (member->health == Health::trial && holds_out(*member, now_seconds_)) {
    bring_up(member, effects);
  }
  const bool well = member->doing_well(now_seconds_) ||
                    (member->health == Health::up && holds_out(*member, now_seconds_));
  if (well && !member->leaving) {
    last_well_seconds_ = now_seconds_;
  }
  const double silent_since = std::max(member->last_answer_seconds, member->checked_seconds);
  if (config_.health_check_seconds > 0 && member->usable() && !member->attempts.empty() &&
      now_seconds_ - std::max(silent_since, member->busy_since_seconds) >=
          config_.health_check_seconds) {
    member->checked_seconds = now_seconds_;
    send_probe(member, effects);
  }
}

void FleetCore::learn_usual() {
  usual_tokens_ = predicted_tokens_;
  double sum = 0;
  std::int64_t known = 0;
  for (const MemberPtr& member : members_) {
    if (member->speed.known()) {
      sum += member->speed.tokens_per_second();
      ++known;
    }
  }
  usual_speed_ = known > 0 ? sum / static_cast<double>(known) : 0;
  if (now_seconds_ - faded_seconds_ < kFadeSeconds) {
    return;
  }
  faded_seconds_ = now_seconds_;
  for (const MemberPtr& member : members_) {
    if (now_seconds_ - member->last_answer_seconds > kFadeSeconds) {
      member->speed.fade_towards(usual_speed_);
    }
  }
}

void FleetCore::check_patience(Effects& effects) {
  double last_hope = last_well_seconds_;
  bool only_busy = !members_.empty();
  for (const MemberPtr& member : members_) {
    last_hope = std::max(last_hope, member->trusted_until_seconds);
    only_busy = only_busy && member->busy_in_row > 0;
  }
  if (now_seconds_ - last_hope <= config_.patience_seconds) {
    return;
  }
  give_up(only_busy ? Failure::busy : Failure::unreachable,
          fmt::format("no endpoint has been up for {:.0f} s (patience_seconds): {}; run the same "
                      "command again to go on",
                      now_seconds_ - last_well_seconds_, troubles()),
          effects);
}

void FleetCore::give_up(engine::Failure failure, const std::string& error, Effects& effects) {
  gave_up_ = true;
  gave_up_failure_ = failure;
  gave_up_error_ = error;
  std::vector<FlightPtr> all;
  for (const auto& [id, flight] : flights_) {
    all.push_back(flight);
  }
  std::sort(all.begin(), all.end(),
            [](const FlightPtr& a, const FlightPtr& b) { return a->id < b->id; });
  for (const FlightPtr& flight : all) {
    end(flight, failure, error, effects);
  }
}

bool FleetCore::all_out() const {
  bool any = false;
  for (const MemberPtr& member : members_) {
    if (!member->leaving && member->health != Health::out) {
      return false;
    }
    any = any || !member->leaving;
  }
  return any;
}

std::string FleetCore::troubles() const {
  std::string text;
  std::size_t named = 0;
  for (const MemberPtr& member : members_) {
    if (named == kNamedTroubles) {
      return text + fmt::format("; and {} more", members_.size() - named);
    }
    const std::string trouble =
        member->trouble.empty() ? std::string("busy each time it was asked") : member->trouble;
    text += named++ == 0 ? "" : "; ";
    text += trouble.find(member->spec.name) == std::string::npos
                ? member->spec.name + ": " + trouble
                : trouble;
  }
  return text.empty() ? "there is no endpoint" : text;
}

}  // namespace tpt::augment
