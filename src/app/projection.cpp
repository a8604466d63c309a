#include "app/projection.h"

#include "app/pace.h"
#include "base/error.h"
#include "base/random.h"

#include <algorithm>
#include <cmath>

namespace tpt::app {
namespace {

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

// Everything that is foreseen from the documents alone.
class Foreseen {
 public:
  Foreseen(const MeasuredSample& sample, const Target& target, std::uint64_t seed)
      : sample_(sample), whole_{target.documents, target.text_bytes}, seed_(seed) {}

  Interval of(double SampleDocument::* member) const {
    std::vector<Measured> measured;
    measured.reserve(sample_.documents.size());
    for (const SampleDocument& document : sample_.documents) {
      measured.push_back({document.text_bytes, document.*member});
    }
    // One seed for all: the same draws, so that what belongs together moves together.
    return scaled(foresee(measured, whole_, derive_seed(seed_, "plan", "bootstrap")),
                  sample_.answered_share);
  }

 private:
  const MeasuredSample& sample_;
  Whole whole_;
  std::uint64_t seed_;
};

double total(const MeasuredSample& sample, double SampleDocument::* member) {
  double sum = 0;
  for (const SampleDocument& document : sample.documents) sum += document.*member;
  return sum;
}

// How many documents `tokens` need, where `made` is what `documents` make.
Interval needed(double tokens, double documents, const Interval& made) {
  const auto for_each = [&](double whole) { return documents * ratio(tokens, whole); };
  return {for_each(made.high), for_each(made.middle), for_each(made.low)};
}

void check(const MeasuredSample& sample) {
  const auto documents = static_cast<std::int64_t>(sample.documents.size());
  if (documents < kLeastSampleDocuments) {
    user_error(
        "plan.measured: got a sample of {} answered documents, allowed: {} or more (take some "
        "hundreds from all over the corpus)",
        documents, kLeastSampleDocuments);
  }
  if (total(sample, &SampleDocument::kept_rows) == 0) {
    user_error("plan.measured: none of its {} rows was kept: nothing can be foreseen from them",
               sample.answer_tokens.count());
  }
}

void add_time(const MeasuredSample& sample, const Target& target, Projection& plan) {
  const Pace pace = pace_of(sample.spend, sample.answer_tokens);
  if (pace.slots <= 0) return;
  const Fleet fleet{.endpoints = target.endpoints > 0 ? target.endpoints : pace.endpoints,
                    .in_flight_per_endpoint = target.in_flight_per_endpoint > 0
                                                  ? target.in_flight_per_endpoint
                                                  : pace.slots};
  plan.endpoints = fleet.endpoints;
  plan.in_flight_per_endpoint = fleet.in_flight_per_endpoint;
  plan.gpus_per_endpoint = pace.gpus_per_endpoint;
  // What the rows' tokens stand for in generated ones.
  const double tokens_a_row = sample.answer_tokens.mean();
  const double rows_tokens = plan.rows.middle * tokens_a_row;
  const Interval tokens =
      scaled(plan.generated_tokens, ratio(rows_tokens, plan.generated_tokens.middle));
  plan.tokens_per_second =
      full_speed(pace, fleet) * ratio(plan.generated_tokens.middle, rows_tokens);
  const auto wall = [&](double of_tokens) {
    return wall_time(pace, fleet, sample.answer_tokens, ratio(of_tokens, tokens_a_row), of_tokens);
  };
  const WallTime middle = wall(tokens.middle);
  plan.tail_seconds = middle.tail_seconds;
  plan.wall_seconds = {wall(tokens.low).seconds, middle.seconds, wall(tokens.high).seconds};
  plan.gpu_hours = scaled(plan.wall_seconds, fleet.endpoints * pace.gpus_per_endpoint / 3600);
}

// Prices of tokens go with the tokens, those of hours with the time.
void add_money(const MeasuredSample& sample, Projection& plan) {
  const augment::Spend spend = augment::total(sample.spend.endpoints);
  const double by_token =
      ratio(spend.money - spend.hour_money, static_cast<double>(spend.generated_tokens));
  const double by_gpu_hour = ratio(spend.hour_money, spend.gpu_seconds) * 3600;
  const auto price = [&](double tokens, double hours) {
    return by_token * tokens + by_gpu_hour * hours;
  };
  plan.money = {price(plan.generated_tokens.low, plan.gpu_hours.low),
                price(plan.generated_tokens.middle, plan.gpu_hours.middle),
                price(plan.generated_tokens.high, plan.gpu_hours.high)};
  for (const auto& [name, one] : sample.spend.endpoints) {
    if (one.generated_tokens == 0) continue;
    const auto tokens = static_cast<double>(one.generated_tokens);
    EndpointProjection endpoint{.name = name};
    endpoint.share = ratio(tokens, static_cast<double>(spend.generated_tokens));
    endpoint.tokens_per_second = ratio(tokens, one.busy_seconds);
    endpoint.gpu_hours = plan.gpu_hours.middle * ratio(one.gpu_seconds, spend.gpu_seconds);
    endpoint.money = plan.money.middle * ratio(one.money, spend.money);
    plan.by_endpoint.push_back(std::move(endpoint));
  }
}

// A half width of `tokens` of a tenth, as errors shrink with the root of the sample.
double documents_for_a_tenth(const Interval& tokens, double documents) {
  const double half = ratio((tokens.high - tokens.low) / 2, tokens.middle);
  return std::ceil(documents * std::max(1.0, half * half * 100));
}

Json to_json(const Interval& interval) {
  return {{"low", interval.low}, {"middle", interval.middle}, {"high", interval.high}};
}

}  // namespace

Projection project(const MeasuredSample& sample, const Target& target, std::uint64_t seed) {
  check(sample);
  const Foreseen foreseen(sample, target, seed);
  const augment::Spend spend = augment::total(sample.spend.endpoints);
  const auto seen_tokens = static_cast<double>(sample.answer_tokens.sum());
  const auto seen_rows = static_cast<double>(sample.answer_tokens.count());
  const auto documents = static_cast<double>(sample.documents.size());
  // No less than the rows say: a kill loses the last of the account, and no row.
  const auto paid = [](std::int64_t spent, double of_rows) {
    return std::max(1.0, ratio(static_cast<double>(spent), of_rows));
  };
  Projection plan;
  plan.rows = foreseen.of(&SampleDocument::rows);
  plan.kept_rows = foreseen.of(&SampleDocument::kept_rows);
  plan.kept_share = ratio(plan.kept_rows.middle, plan.rows.middle);
  plan.prompt_tokens = scaled(foreseen.of(&SampleDocument::prompt_tokens),
                              paid(spend.prompt_tokens, static_cast<double>(sample.prompt_tokens)));
  plan.generated_tokens = scaled(foreseen.of(&SampleDocument::thinking_tokens),
                                 paid(spend.generated_tokens, seen_tokens));
  plan.kept_tokens = foreseen.of(&SampleDocument::kept_tokens);
  plan.wasted_share =
      std::max(0.0, 1 - ratio(plan.kept_tokens.middle, plan.generated_tokens.middle));
  plan.train_tokens = foreseen.of(&SampleDocument::train_tokens);
  if (target.train_tokens > 0) {
    plan.documents_needed = needed(target.train_tokens, target.documents, plan.train_tokens);
  }
  add_time(sample, target, plan);
  add_money(sample, plan);
  plan.rows_bytes = scaled(plan.rows, ratio(sample.rows_bytes, seen_rows));
  plan.journal_bytes = scaled(plan.rows, ratio(sample.journal_bytes, seen_rows));
  plan.sample_documents = static_cast<std::int64_t>(sample.documents.size());
  plan.sample_documents_for_a_tenth = documents_for_a_tenth(plan.kept_tokens, documents);
  plan.length_ratio = ratio(target.text_bytes, target.documents) /
                      (total(sample, &SampleDocument::text_bytes) / documents);
  return plan;
}

Json to_json(const Projection& plan) {
  Json endpoints = Json::object();
  for (const EndpointProjection& endpoint : plan.by_endpoint) {
    endpoints[endpoint.name] = {{"share", endpoint.share},
                                {"tokens_per_second", endpoint.tokens_per_second},
                                {"gpu_hours", endpoint.gpu_hours},
                                {"money", endpoint.money}};
  }
  return {{"rows", to_json(plan.rows)},
          {"kept_rows", to_json(plan.kept_rows)},
          {"kept_share", plan.kept_share},
          {"prompt_tokens", to_json(plan.prompt_tokens)},
          {"generated_tokens", to_json(plan.generated_tokens)},
          {"kept_tokens", to_json(plan.kept_tokens)},
          {"wasted_share", plan.wasted_share},
          {"train_tokens", to_json(plan.train_tokens)},
          {"documents_needed", to_json(plan.documents_needed)},
          {"endpoints", plan.endpoints},
          {"in_flight_per_endpoint", plan.in_flight_per_endpoint},
          {"tokens_per_second", plan.tokens_per_second},
          {"gpus_per_endpoint", plan.gpus_per_endpoint},
          {"wall_seconds", to_json(plan.wall_seconds)},
          {"tail_seconds", plan.tail_seconds},
          {"gpu_hours", to_json(plan.gpu_hours)},
          {"money", to_json(plan.money)},
          {"by_endpoint", endpoints},
          {"rows_bytes", to_json(plan.rows_bytes)},
          {"journal_bytes", to_json(plan.journal_bytes)},
          {"sample_documents", plan.sample_documents},
          {"sample_documents_for_a_tenth", plan.sample_documents_for_a_tenth},
          {"length_ratio", plan.length_ratio}};
}

}  // namespace tpt::app
