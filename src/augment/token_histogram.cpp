#include "augment/token_histogram.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace tpt::augment {
namespace {

// Each doubling is cut into 8 buckets; below 16 every length has its own.
constexpr std::int32_t kStepBits = 3;
constexpr std::int64_t kSteps = 1 << kStepBits;

std::int32_t bucket_of(std::int64_t tokens) {
  if (tokens < kSteps) return static_cast<std::int32_t>(tokens);
  const auto unsigned_tokens = static_cast<std::uint64_t>(tokens);
  const auto doubling = static_cast<std::int32_t>(std::bit_width(unsigned_tokens)) - 1 - kStepBits;
  const auto step = static_cast<std::int32_t>(unsigned_tokens >> doubling) - kSteps;
  return static_cast<std::int32_t>((doubling + 1) * kSteps + step);
}

std::int64_t bucket_start(std::int32_t bucket) {
  if (bucket < kSteps) return bucket;
  const std::int64_t doubling = bucket / kSteps - 1;
  const std::int64_t step = bucket % kSteps + kSteps;
  constexpr std::int64_t kLongest = std::numeric_limits<std::int64_t>::max();
  return step > (kLongest >> doubling) ? kLongest : step << doubling;
}

}  // namespace

void TokenHistogram::add(std::int64_t tokens) {
  tokens = std::max<std::int64_t>(tokens, 0);
  ++counts_[bucket_of(tokens)];
  min_ = count_ == 0 ? tokens : std::min(min_, tokens);
  max_ = std::max(max_, tokens);
  sum_ += tokens;
  ++count_;
}

TokenHistogram& TokenHistogram::operator+=(const TokenHistogram& other) {
  if (other.count_ == 0) return *this;
  for (const auto& [bucket, count] : other.counts_) counts_[bucket] += count;
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  count_ += other.count_;
  return *this;
}

TokenHistogram TokenHistogram::since(const TokenHistogram& earlier) const {
  TokenHistogram rest = *this;
  for (const auto& [bucket, count] : earlier.counts_) {
    const auto found = rest.counts_.find(bucket);
    if (found == rest.counts_.end()) continue;
    found->second -= count;
    if (found->second <= 0) rest.counts_.erase(found);
  }
  rest.count_ -= earlier.count_;
  rest.sum_ -= earlier.sum_;
  return rest;
}

double TokenHistogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

double TokenHistogram::quantile(double share) const {
  if (count_ == 0) return 0;
  double before = std::clamp(share, 0.0, 1.0) * static_cast<double>(count_);
  for (const auto& [bucket, count] : counts_) {
    const auto here = static_cast<double>(count);
    if (before <= here) {
      const auto start = static_cast<double>(std::max(bucket_start(bucket), min_));
      const auto last = static_cast<double>(std::min(bucket_start(bucket + 1) - 1, max_));
      return start + (last - start) * before / here;
    }
    before -= here;
  }
  return static_cast<double>(max_);
}

std::vector<TokenHistogram::Bar> TokenHistogram::doublings() const {
  std::map<int, std::int64_t> by_width;
  for (const auto& [bucket, count] : counts_) {
    by_width[std::bit_width(static_cast<std::uint64_t>(bucket_start(bucket)))] += count;
  }
  std::vector<Bar> bars;
  if (by_width.empty()) return bars;
  for (int width = by_width.begin()->first; width <= by_width.rbegin()->first; ++width) {
    const std::int64_t from = width == 0 ? 0 : std::int64_t{1} << (width - 1);
    const auto found = by_width.find(width);
    bars.push_back({.from = from,
                    .to = width == 0 ? 0 : from + (from - 1),
                    .count = found == by_width.end() ? 0 : found->second});
  }
  return bars;
}

std::vector<std::pair<double, std::int64_t>> TokenHistogram::buckets() const {
  std::vector<std::pair<double, std::int64_t>> list;
  for (const auto& [bucket, count] : counts_) {
    const std::int64_t start = std::max(bucket_start(bucket), min_);
    const std::int64_t last = std::min(bucket_start(bucket + 1) - 1, max_);
    list.emplace_back(static_cast<double>(start) + static_cast<double>(last - start) / 2, count);
  }
  return list;
}

}  // namespace tpt::augment
