// How fast a run goes, and how long the rest of it will take: the slowest answers in flight too.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace tpt::augment {

class Pace {
 public:
  using Clock = std::chrono::steady_clock;

  // An answer came `seconds` after it was asked for.
  void answered(double seconds);
  // `rows` are settled now, in all.
  void settled(std::int64_t rows, Clock::time_point now);

  // Below it lies this share of the answers' seconds; 0 where none came.
  double quantile(double share) const;
  // Rows a second, of the last minute or so; 0 where not known.
  double rate() const { return rate_; }
  // Until `rows_left` more are settled, `in_flight` of them under way at the end: the steady part,
  // and then the expected slowest of those. -1 where not known.
  double seconds_left(std::int64_t rows_left, std::int64_t in_flight) const;

 private:
  // Answers by their seconds, 16 bins a doubling from a millisecond on.
  static constexpr std::size_t kBins = 16 * 24;
  std::array<std::int64_t, kBins> bins_{};
  std::int64_t answers_ = 0;
  double rate_ = 0;
  std::int64_t last_rows_ = 0;
  Clock::time_point last_time_{};
};

}  // namespace tpt::augment
