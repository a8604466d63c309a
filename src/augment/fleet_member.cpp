#include "augment/fleet_member.h"

#include <algorithm>

namespace tpt::augment {

namespace {

// Enough to see that an endpoint is back, few enough to lose.
constexpr std::int64_t kTrials = 2;

std::int64_t or_else(std::int64_t own, std::int64_t fleets) { return own > 0 ? own : fleets; }

const char* state_name(const Member& member) {
  if (member.leaving) {
    return "draining";
  }
  switch (member.health) {
    case Health::up:
      return "up";
    case Health::trial:
      return "probing";
    case Health::down:
    case Health::out:
      return "down";
  }
  return "";
}

}  // namespace

Member::Member(MemberSpec given, const FleetConfig& config)
    : spec(std::move(given)),
      limit(or_else(spec.start_in_flight, config.start_in_flight),
            or_else(spec.most_in_flight, config.most_in_flight), config.decrease) {
  totals.name = spec.name;
  told_limit = limit.value();
}

void Member::take_settings(const MemberSpec& given, const FleetConfig& config) {
  const std::shared_ptr<engine::Engine> engine = spec.engine;
  spec = given;
  spec.engine = engine;
  limit.set_most(or_else(spec.most_in_flight, config.most_in_flight));
}

std::int64_t Member::allowed() const {
  switch (health) {
    case Health::up:
      return limit.value();
    case Health::trial:
      return std::min(kTrials, limit.value());
    case Health::down:
    case Health::out:
      return 0;
  }
  return 0;
}

bool Member::doing_well(double now_seconds) const {
  return health == Health::up && failures_in_row == 0 &&
         (busy_in_row == 0 || now_seconds < trusted_until_seconds);
}

void Member::add(const std::shared_ptr<Attempt>& attempt, const std::shared_ptr<Flight>& flight,
                 double now_seconds) {
  if (attempts.empty()) {
    busy_since_seconds = now_seconds;
  }
  attempt->place_in_member = attempts.size();
  attempts.emplace_back(attempt, flight);
  outstanding_tokens += attempt->predicted_tokens;
  attempt->in_flight = in_flight();
  limit.sent(in_flight());
  ++totals.requests;
  totals.retries += attempt->number > 0 && !attempt->hedge ? 1 : 0;
  totals.hedges += attempt->hedge ? 1 : 0;
}

void Member::remove(const Attempt& attempt, double now_seconds) {
  const std::size_t at = attempt.place_in_member;
  attempts[at] = std::move(attempts.back());
  attempts[at].first->place_in_member = at;
  attempts.pop_back();
  // Sums of fractions drift; an idle endpoint has nothing outstanding.
  outstanding_tokens = attempts.empty() ? 0 : outstanding_tokens - attempt.predicted_tokens;
  if (attempts.empty()) {
    totals.busy_seconds += now_seconds - busy_since_seconds;
  }
}

void Member::charge(const engine::Response& response, bool used, double seconds) {
  totals.prompt_tokens += response.prompt_tokens;
  totals.generated_tokens += response.generated_tokens;
  if (used) {
    ++totals.answers;
    totals.answer_seconds += seconds;
    const auto bound = std::lower_bound(kAnswerSeconds.begin(), kAnswerSeconds.end(), seconds);
    ++totals.answers_within.at(static_cast<std::size_t>(bound - kAnswerSeconds.begin()));
  } else {
    totals.wasted_prompt_tokens += response.prompt_tokens;
    totals.wasted_generated_tokens += response.generated_tokens;
  }
}

EndpointStatus Member::status(double now_seconds) const {
  constexpr double kMillion = 1e6;
  constexpr double kHour = 3600;
  EndpointStatus status = totals;
  status.state = state_name(*this);
  status.in_flight = in_flight();
  status.limit = allowed();
  status.outstanding_tokens = static_cast<std::int64_t>(outstanding_tokens);
  status.busy_seconds += attempts.empty() ? 0 : now_seconds - busy_since_seconds;
  status.gpu_seconds = spec.gpus * status.busy_seconds;
  status.spent_on_time = spec.price_per_hour * status.busy_seconds / kHour;
  status.spent =
      spec.price_per_million_prompt_tokens * static_cast<double>(status.prompt_tokens) / kMillion +
      spec.price_per_million_generated_tokens * static_cast<double>(status.generated_tokens) /
          kMillion +
      status.spent_on_time;
  return status;
}

}  // namespace tpt::augment
