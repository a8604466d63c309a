#include "app/pace.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <vector>

namespace tpt::app {
namespace {

constexpr double kMostSlots = 512;
constexpr double kRounds = 16;  // answers a slot, after which its end does not depend on its begin

// The i-th of a sequence that fills [0, 1) evenly however many are taken.
double even(std::int64_t i) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double place = (static_cast<double>(i) + 0.5) * kGoldenRatio;
  return place - std::floor(place);
}

// The longest of `rows` answers that all run at once.
double longest(const augment::TokenHistogram& lengths, double rows) {
  return lengths.quantile(1 - 0.5 / std::max(1.0, rows));
}

// How much longer than the same work in full slots the last answer takes, in tokens of a slot:
// answers go to whichever slot is free first. A large fleet behaves as a small one.
double tail_tokens(const augment::TokenHistogram& lengths, double rows, double slots) {
  if (rows <= slots) return longest(lengths, rows) - rows * lengths.mean() / slots;
  const double shown = std::clamp(slots, 1.0, kMostSlots);
  const double answers = std::min(rows * shown / slots, kRounds * shown);
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (double slot = 0; slot < shown; ++slot) free_at.push(0);
  double sum = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(answers); ++i) {
    const double tokens = lengths.quantile(even(i));
    sum += tokens;
    const double begin = free_at.top();
    free_at.pop();
    free_at.push(begin + tokens);
  }
  while (free_at.size() > 1) free_at.pop();
  return free_at.top() - sum / shown;
}

}  // namespace

Pace pace_of(const augment::SpendRecord& record, const augment::TokenHistogram& lengths) {
  Pace pace{.endpoints = 0};
  for (const auto& [name, spend] : record.endpoints) {
    pace.endpoints += spend.generated_tokens > 0 ? 1 : 0;
  }
  pace.endpoints = std::max(1.0, pace.endpoints);
  const augment::Spend spend = augment::total(record.endpoints);
  const auto tokens = static_cast<double>(lengths.sum());
  if (spend.busy_seconds <= 0 || tokens <= 0) return pace;
  pace.gpus_per_endpoint = spend.gpu_seconds / spend.busy_seconds;
  if (spend.request_seconds <= 0) {
    // Too quick for anything to be seen in flight: one after the other, as fast as it was.
    pace.slots = 1;
    pace.tokens_per_second = tokens / spend.busy_seconds;
    return pace;
  }
  // A kill loses the last of the account, and never a row.
  const auto used = static_cast<double>(spend.generated_tokens - spend.wasted_generated_tokens);
  pace.tokens_per_second = std::min(tokens, used) / spend.request_seconds;
  pace.slots = spend.full_seconds > 0 ? spend.full_request_seconds / spend.full_seconds
                                      : spend.request_seconds / spend.busy_seconds;
  return pace;
}

double full_speed(const Pace& pace, const Fleet& fleet) {
  return fleet.endpoints * std::min(pace.slots, fleet.in_flight_per_endpoint) *
         pace.tokens_per_second;
}

WallTime wall_time(const Pace& pace, const Fleet& fleet, const augment::TokenHistogram& lengths,
                   double rows, double tokens) {
  const double speed = full_speed(pace, fleet);
  if (speed <= 0 || rows <= 0 || tokens <= 0) return {};
  const double slots = std::max(1.0, fleet.endpoints * fleet.in_flight_per_endpoint);
  const double tail = std::max(0.0, tail_tokens(lengths, rows, slots) * slots / speed);
  return {.seconds = tokens / speed + tail, .tail_seconds = tail};
}

}  // namespace tpt::app
