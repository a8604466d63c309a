// What is learned from the answers of a fleet: how long the next one will be, how fast an endpoint
// writes, and from when on a request is a straggler.
#pragma once

#include "engine/engine.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tpt::augment {

// Tokens a second that an endpoint writes of one answer, over about its last twenty.
class Speed {
 public:
  void answered(std::int64_t tokens, double seconds);
  bool known() const { return seconds_ > 0; }
  double tokens_per_second() const { return tokens_ / seconds_; }
  // Without answers for long what was seen says little: a tenth of the way to `usual`.
  void fade_towards(double usual_tokens_per_second);

 private:
  double tokens_ = 0;
  double seconds_ = 0;
};

class Forecast {
 public:
  // `straggler_quantile` of the recent latencies divides stragglers from the others.
  explicit Forecast(double straggler_quantile) : quantile_(straggler_quantile) {}

  // Tokens of the answer to come: what the request says, else the mean of the recent answers;
  // between 1 and the request's cap.
  double predicted_tokens(const engine::Request& request) const;
  // An answer of `tokens` took `seconds`, and `predicted_tokens` had been expected.
  void answered(std::int64_t tokens, double seconds, double predicted_tokens);
  // From when on a request for that many tokens is a straggler; infinity while too few answers are
  // known.
  double straggler_seconds(double predicted_tokens) const;

 private:
  double quantile_;
  double mean_tokens_ = 0;
  std::int64_t answers_ = 0;
  std::vector<double> seconds_per_token_;  // a ring of the recent answers
  std::size_t next_ = 0;
  double straggler_seconds_per_token_ = 0;  // 0: not known
};

}  // namespace tpt::augment
