#include "augment/fleet_config.h"

#include "base/error.h"

namespace tpt::augment {

namespace {

constexpr double kDay = 86400;

void describe_retries(Fields& fields, FleetConfig& config) {
  fields.integer("request_attempts", config.request_attempts,
                 "a request fails after this many broken or timed out answers", 1, 1000);
  fields.integer("request_moves", config.request_moves,
                 "a request fails after this many lost connections", 1, 100000);
  fields.number("retry_seconds", config.retry_seconds,
                "longest wait before the first retry of a request; doubles with each", 0, kDay);
  fields.number("max_retry_seconds", config.max_retry_seconds, "longest wait before any retry", 0,
                kDay);
  fields.number("max_retry_after_seconds", config.max_retry_after_seconds,
                "a longer Retry-After is taken as this", 0, 30 * kDay);
  fields.number("deadline_seconds", config.deadline_seconds,
                "of a request with all its retries; 0: none", 0, 30 * kDay);
  fields.number("patience_seconds", config.patience_seconds,
                "stop once no endpoint has been up for so long; the run can be resumed", 0,
                30 * kDay);
}

}  // namespace

void describe(Fields& fields, FleetConfig& config) {
  fields.integer("start_in_flight", config.start_in_flight,
                 "requests in flight at an endpoint at first; grows while it keeps up", 1, 1 << 20);
  fields.number("limit_decrease", config.decrease,
                "share of its requests in flight left to an endpoint after 429, 503 or a timeout",
                0.1, 0.95);
  fields.integer("failures_until_down", config.failures_until_down,
                 "an endpoint is down after this many failures in a row", 1, 1000);
  fields.number("probe_seconds", config.probe_seconds,
                "a downed endpoint is probed after so long; doubles with each failure", 0.01, kDay);
  fields.number("max_probe_seconds", config.max_probe_seconds,
                "longest time between two probes of a downed endpoint", 0.01, kDay);
  fields.number("health_check_seconds", config.health_check_seconds,
                "a working endpoint that is silent for so long is probed; 0: never", 0, kDay);
  describe_retries(fields, config);
  fields.number("hedge_share", config.hedge_share,
                "this share of the requests may be sent twice, when the first is a straggler", 0,
                1);
  fields.number(
      "hedge_quantile", config.hedge_quantile,
      "a straggler is a quarter slower than this share of the recent answers of its length", 0.5,
      0.9999);
  fields.flag("allow_mixed_models", config.allow_mixed_models,
              "let endpoints serve different models; each row names the one that wrote it");
}

void check(const FleetConfig& config) {
  const auto ordered = [](const char* low, auto low_value, const char* high, auto high_value) {
    if (low_value > high_value) {
      user_error("engine.{}: got {}, allowed: at most engine.{}, which is {}", low, low_value, high,
                 high_value);
    }
  };
  ordered("probe_seconds", config.probe_seconds, "max_probe_seconds", config.max_probe_seconds);
  ordered("retry_seconds", config.retry_seconds, "max_retry_seconds", config.max_retry_seconds);
}

}  // namespace tpt::augment
