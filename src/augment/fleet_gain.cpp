#include "augment/fleet_gain.h"

#include <algorithm>
#include <cmath>

namespace tpt::augment {

namespace {

constexpr std::int64_t kLeastAnswers = 32;
// Windows closer to each other tell nothing of a gain.
constexpr double kLeastGrowth = 1.4;
// Of twice as many in flight a tenth more throughput is what this asks for.
constexpr double kLeastElasticity = 0.15;

}  // namespace

void ThroughputGain::Window::fade_in(const Window& other) {
  constexpr double kShare = 0.5;
  in_flight_sum = kShare * (in_flight_sum + other.in_flight_sum);
  seconds = kShare * (seconds + other.seconds);
  tokens = kShare * (tokens + other.tokens);
  answers = kShare * (answers + other.answers);
}

GainVerdict ThroughputGain::add(const AnsweredRequest& answer, std::int64_t enough, bool settled) {
  if (counts_from_seconds_ < 0) counts_from_seconds_ = answer.answered_seconds;
  const double seconds = answer.answered_seconds - answer.sent_seconds;
  if (answer.sent_seconds < counts_from_seconds_ || seconds <= 0) return GainVerdict::open;
  // A limit that grows by one an answer would never be reached.
  if (window_.answers == 0) enough_ = static_cast<double>(std::max(enough, kLeastAnswers));
  window_.in_flight_sum += static_cast<double>(answer.in_flight);
  window_.seconds += seconds;
  window_.tokens += static_cast<double>(answer.tokens);
  window_.answers += 1;
  return window_.answers < enough_ ? GainVerdict::open : judge(settled);
}

GainVerdict ThroughputGain::judge(bool settled) {
  const Window full = window_;
  window_ = {};
  const double growth = reference_.answers > 0 ? full.in_flight() / reference_.in_flight() : 0;
  if (growth < 1 / kLeastGrowth) {
    reference_ = full;
    return GainVerdict::level;
  }
  if (growth < kLeastGrowth) {
    if (settled) reference_.fade_in(full);
    return GainVerdict::level;
  }
  // Counted in answers it is exact where they wait, whatever their lengths are; counted in tokens
  // where they are written. In the mean of both the chance of lengths is halved.
  const double in_answers =
      growth * (full.answers / full.seconds) / (reference_.answers / reference_.seconds);
  const double longer =
      reference_.tokens > 0 && full.tokens > 0
          ? (full.tokens / full.answers) / (reference_.tokens / reference_.answers)
          : 1;
  const double gain = in_answers * std::sqrt(longer);
  // What chance may make of so few answers is no gain.
  const double chance = 0.6 / std::sqrt(std::min(full.answers, reference_.answers));
  if (std::log(gain) < kLeastElasticity * std::log(growth) + chance) return GainVerdict::none;
  reference_ = full;
  return GainVerdict::more;
}

void ThroughputGain::skip_until(double seconds) {
  window_ = {};
  counts_from_seconds_ = seconds;
}

void ThroughputGain::reset() { *this = {}; }

}  // namespace tpt::augment
