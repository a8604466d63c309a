// How many requests an endpoint may be given at once: doubled each round until the first trouble,
// from then on one more a round, and cut by a share at each trouble. It stops where the endpoint
// does no more with more (fleet_gain.h), and tries again from time to time.
#pragma once

#include "augment/fleet_gain.h"

#include <cstdint>
#include <limits>

namespace tpt::augment {

class AdaptiveLimit {
 public:
  // `start` and `most` are requests, `decrease` the share that is left after trouble.
  AdaptiveLimit(std::int64_t start, std::int64_t most, double decrease);

  // At least 1.
  std::int64_t value() const { return static_cast<std::int64_t>(value_); }
  // A request was sent; with it `in_flight` are there.
  void sent(std::int64_t in_flight);
  // A request was answered. The limit grows only where it was what held the requests back.
  void answered(const AnsweredRequest& answer);
  // A request sent at `sent_seconds` met 429, 503 or a timeout. False, and nothing changes, where
  // it was sent before the last cut: a whole round that was under way says the same thing once.
  bool troubled(double sent_seconds, double now_seconds);
  // The endpoint was away: from the start again, doubling up to half of what it could do before.
  void restart();
  void set_most(std::int64_t most);

 private:
  bool held_back() const;
  void take_verdict(GainVerdict verdict, double now_seconds);

  double start_;
  double most_;
  double decrease_;
  double value_;
  double doubles_below_;  // from here on one more a round
  double cut_seconds_;    // when it was last cut
  std::int64_t answered_in_round_ = 0;
  std::int64_t peak_ = 0;       // most in flight in this round
  std::int64_t last_peak_ = 0;  // and in the one before

  ThroughputGain gain_;
  double ceiling_ = std::numeric_limits<double>::infinity();  // more brought nothing
  std::int64_t windows_until_trial_ = 0;
  std::int64_t windows_between_trials_ = 0;  // doubles while they bring nothing
};

}  // namespace tpt::augment
