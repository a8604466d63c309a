// How long texts are, kept in a few hundred counts: mean and bounds exact, quantiles to about 6 %.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace tpt::augment {

class TokenHistogram {
 public:
  // Negative counts are taken as 0.
  void add(std::int64_t tokens);
  TokenHistogram& operator+=(const TokenHistogram& other);
  // What was added since `earlier`, a former state of this one; the bounds stay those of all.
  TokenHistogram since(const TokenHistogram& earlier) const;

  std::int64_t count() const { return count_; }
  std::int64_t sum() const { return sum_; }
  std::int64_t min() const { return min_; }  // 0 where nothing was added
  std::int64_t max() const { return max_; }
  double mean() const;
  // The length that `share` (0 to 1) of the texts do not exceed, even within its bucket; 0 where
  // nothing was added.
  double quantile(double share) const;

  // Counts by doublings: 0, 1, 2 to 3, 4 to 7, ... from the first to the last that has any.
  struct Bar {
    std::int64_t from = 0;
    std::int64_t to = 0;  // inclusive
    std::int64_t count = 0;
  };
  std::vector<Bar> doublings() const;

  // Buckets in ascending order: mean length within it (the middle), and how many.
  std::vector<std::pair<double, std::int64_t>> buckets() const;

  bool operator==(const TokenHistogram&) const = default;

 private:
  std::map<std::int32_t, std::int64_t> counts_;  // by bucket
  std::int64_t count_ = 0;
  std::int64_t sum_ = 0;
  std::int64_t min_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace tpt::augment
