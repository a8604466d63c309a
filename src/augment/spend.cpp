#include "augment/spend.h"

#include "base/error.h"
#include "base/log.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <cmath>

namespace tpt::augment {
namespace {

namespace fs = std::filesystem;

fs::path spend_file(const fs::path& folder) { return folder / "spend.json"; }

Json to_json(const Spend& spend) {
  return {{"requests", spend.requests},
          {"answers", spend.answers},
          {"retries", spend.retries},
          {"hedges", spend.hedges},
          {"prompt_tokens", spend.prompt_tokens},
          {"generated_tokens", spend.generated_tokens},
          {"wasted_prompt_tokens", spend.wasted_prompt_tokens},
          {"wasted_generated_tokens", spend.wasted_generated_tokens},
          {"busy_seconds", spend.busy_seconds},
          {"gpu_seconds", spend.gpu_seconds},
          {"money", spend.money},
          {"hour_money", spend.hour_money},
          {"request_seconds", spend.request_seconds},
          {"full_seconds", spend.full_seconds},
          {"full_request_seconds", spend.full_request_seconds}};
}

std::int64_t count_in(const Json& json, const char* name) {
  const Json& value = json.at(name);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    data_error("{} is {}, not a count", name, dump_json(value));
  }
  return value.get<std::int64_t>();
}

double amount_in(const Json& json, const char* name) {
  const double value = json.at(name).get<double>();
  if (!std::isfinite(value) || value < 0) {
    data_error("{} is {}, not an amount", name, value);
  }
  return value;
}

Spend one_spend(const Json& json) {
  return {.requests = count_in(json, "requests"),
          .answers = count_in(json, "answers"),
          .retries = count_in(json, "retries"),
          .hedges = count_in(json, "hedges"),
          .prompt_tokens = count_in(json, "prompt_tokens"),
          .generated_tokens = count_in(json, "generated_tokens"),
          .wasted_prompt_tokens = count_in(json, "wasted_prompt_tokens"),
          .wasted_generated_tokens = count_in(json, "wasted_generated_tokens"),
          .busy_seconds = amount_in(json, "busy_seconds"),
          .gpu_seconds = amount_in(json, "gpu_seconds"),
          .money = amount_in(json, "money"),
          .hour_money = amount_in(json, "hour_money"),
          .request_seconds = amount_in(json, "request_seconds"),
          .full_seconds = amount_in(json, "full_seconds"),
          .full_request_seconds = amount_in(json, "full_request_seconds")};
}

// True where `now` cannot be a later state of `before`: the endpoint counts from 0 again.
bool starts_again(const Spend& before, const Spend& now) {
  return now.requests < before.requests || now.answers < before.answers ||
         now.generated_tokens < before.generated_tokens;
}

// What was in flight for so many seconds. Limits that grow are never quite filled.
void hold(const EndpointStatus& endpoint, double seconds, Spend& held) {
  constexpr double kFull = 0.9;
  const auto in_flight = static_cast<double>(endpoint.in_flight);
  held.request_seconds += in_flight * seconds;
  if (endpoint.limit > 0 && in_flight >= kFull * static_cast<double>(endpoint.limit)) {
    held.full_seconds += seconds;
    held.full_request_seconds += in_flight * seconds;
  }
}

}  // namespace

Spend& Spend::operator+=(const Spend& other) {
  requests += other.requests;
  answers += other.answers;
  retries += other.retries;
  hedges += other.hedges;
  prompt_tokens += other.prompt_tokens;
  generated_tokens += other.generated_tokens;
  wasted_prompt_tokens += other.wasted_prompt_tokens;
  wasted_generated_tokens += other.wasted_generated_tokens;
  busy_seconds += other.busy_seconds;
  gpu_seconds += other.gpu_seconds;
  money += other.money;
  hour_money += other.hour_money;
  request_seconds += other.request_seconds;
  full_seconds += other.full_seconds;
  full_request_seconds += other.full_request_seconds;
  return *this;
}

Spend spend_of(const EndpointStatus& endpoint) {
  return {.requests = endpoint.requests,
          .answers = endpoint.answers,
          .retries = endpoint.retries,
          .hedges = endpoint.hedges,
          .prompt_tokens = endpoint.prompt_tokens,
          .generated_tokens = endpoint.generated_tokens,
          .wasted_prompt_tokens = endpoint.wasted_prompt_tokens,
          .wasted_generated_tokens = endpoint.wasted_generated_tokens,
          .busy_seconds = endpoint.busy_seconds,
          .gpu_seconds = endpoint.gpu_seconds,
          .money = endpoint.spent,
          .hour_money = endpoint.spent_on_time};
}

Spend total(const std::map<std::string, Spend>& endpoints) {
  Spend sum;
  for (const auto& [name, spend] : endpoints) sum += spend;
  return sum;
}

Json to_json(const SpendRecord& record) {
  Json endpoints = Json::object();
  for (const auto& [name, spend] : record.endpoints) endpoints[name] = to_json(spend);
  return {{"version", 1},
          {"calls", record.calls},
          {"seconds", record.seconds},
          {"incomplete", record.incomplete},
          {"total", to_json(total(record.endpoints))},
          {"endpoints", endpoints}};
}

SpendRecord spend_from_json(const Json& json, const std::string& what) {
  try {
    if (json.at("version") != 1) data_error("version {}", dump_json(json.at("version")));
    SpendRecord record{.calls = count_in(json, "calls"),
                       .seconds = amount_in(json, "seconds"),
                       .incomplete = json.at("incomplete").get<bool>()};
    for (const auto& [name, spend] : json.at("endpoints").items()) {
      record.endpoints[name] = one_spend(spend);
    }
    return record;
  } catch (const std::exception& problem) {
    data_error("{} is no record of spend: {}", what, problem.what());
  }
}

SpendRecord read_spend(const fs::path& folder) {
  const fs::path file = spend_file(folder);
  if (!fs::exists(file)) return {};
  return spend_from_json(parse_json(storage::read_file(file), file.string()), file.string());
}

SpendSummary summarize(const SpendRecord& record, const JobStatus& job) {
  const Spend spent = total(record.endpoints);
  SpendSummary summary{.generated_tokens = spent.generated_tokens,
                       .kept_tokens = job.thinking_tokens - job.rejected_tokens,
                       .unused_tokens = spent.wasted_generated_tokens,
                       .rejected_tokens = job.rejected_tokens,
                       .saved_tokens = job.saved_tokens,
                       .gpu_hours = spent.gpu_seconds / 3600,
                       .money = spent.money};
  const std::int64_t wasted = summary.unused_tokens + summary.rejected_tokens;
  // Rows may share an answer, and a kill may have lost the last of the record: never above 1.
  const std::int64_t of = std::max(summary.generated_tokens, wasted + summary.kept_tokens);
  if (of > 0) summary.wasted_share = static_cast<double>(wasted) / static_cast<double>(of);
  if (summary.kept_tokens > 0) {
    summary.money_per_million_kept = summary.money / static_cast<double>(summary.kept_tokens) * 1e6;
  }
  return summary;
}

SpendLedger::SpendLedger(const fs::path& folder) : file_(spend_file(folder)) {
  try {
    earlier_ = read_spend(folder);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    fs::path aside = file_;
    aside += ".damaged";
    fs::rename(file_, aside);
    log_warning("{}; it is kept as {}, and the spend counted from here on is incomplete",
                error.what(), aside.string());
    earlier_.incomplete = true;
  }
}

void SpendLedger::update(double seconds, const std::vector<EndpointStatus>& endpoints) {
  const double passed = std::max(0.0, seconds - seconds_);
  seconds_ += passed;
  for (const EndpointStatus& endpoint : endpoints) {
    Counted& counted = counted_[endpoint.name];
    const Spend now = spend_of(endpoint);
    if (starts_again(counted.now, now)) counted.before += counted.now;
    counted.now = now;
    hold(endpoint, passed, counted.held);
  }
}

Spend SpendLedger::this_call() const {
  Spend sum;
  for (const auto& [name, counted] : counted_) {
    sum += counted.before;
    sum += counted.now;
    sum += counted.held;
  }
  return sum;
}

SpendRecord SpendLedger::record() const {
  SpendRecord record = earlier_;
  ++record.calls;
  record.seconds += seconds_;
  for (const auto& [name, counted] : counted_) {
    record.endpoints[name] += counted.before;
    record.endpoints[name] += counted.now;
    record.endpoints[name] += counted.held;
  }
  return record;
}

void SpendLedger::save() {
  if (this_call() != saved_) close();
}

void SpendLedger::close() {
  storage::write_file_atomically(file_, dump_json_pretty(to_json(record())));
  saved_ = this_call();
}

}  // namespace tpt::augment
