#include "engine/token_sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace tpt::engine {

namespace {

// The logits are looked at in blocks, so that the few large ones are found again without a second
// walk over all.
constexpr std::size_t kBlock = 256;
constexpr std::size_t kLanes = 8;
using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using Ints = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));

// Below this a weight is under 1e-38 and is taken for it: it changes no sum of floats.
constexpr float kSmallest = -87.0F;

void load(Floats& into, const float* from) { std::memcpy(&into, from, sizeof(into)); }

// into = e^x, to 2e-7, for x in [kSmallest, 0]: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2]
// (Cephes, expf). Takes references because vectors as wide as these have no settled calling
// convention.
inline void exponential(Floats& x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the integer in the low bits
  const Floats shifted = x * 1.44269504088896341F + kRound;
  const Floats n = shifted - kRound;
  const Floats r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Floats y = r * 1.9875691500e-4F + 1.3981999507e-3F;
  y = y * r + 8.3334519073e-3F;
  y = y * r + 4.1665795894e-2F;
  y = y * r + 1.6666665459e-1F;
  y = y * r + 5.0000001201e-1F;
  y = y * r * r + r + 1.0F;
  Ints bits;
  Ints power;
  std::memcpy(&bits, &y, sizeof(bits));
  std::memcpy(&power, &shifted, sizeof(power));
  bits += power << 23;
  std::memcpy(&x, &bits, sizeof(bits));
}

float largest_of(const float* values, std::size_t count) {
  float largest = -std::numeric_limits<float>::infinity();
  std::size_t i = 0;
  if (count >= kLanes) {
    Floats lanes;
    load(lanes, values);
    for (i = kLanes; i + kLanes <= count; i += kLanes) {
      Floats next;
      load(next, values + i);
      lanes = next > lanes ? next : lanes;
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      largest = std::max(largest, lanes[lane]);
    }
  }
  for (; i < count; ++i) {
    largest = std::max(largest, values[i]);
  }
  return largest;
}

double sum_of_weights(const float* values, std::size_t count, float largest, float inverse) {
  double total = 0;
  std::size_t i = 0;
  Floats sums{};
  for (; i + kLanes <= count; i += kLanes) {
    Floats x;
    load(x, values + i);
    x = (x - largest) * inverse;
    // Written so that a NaN stays one: the sum then tells of it.
    x = x < kSmallest ? Floats{} + kSmallest : x;
    exponential(x);
    sums += x;
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    total += static_cast<double>(sums[lane]);
  }
  for (; i < count; ++i) {
    total += static_cast<double>(std::exp((values[i] - largest) * inverse));
  }
  return total;
}

}  // namespace

bool TokenSampler::comes_before(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.index < b.index;
}

TokenSampler::TokenSampler(const Sampling& sampling)
    : temperature_(sampling.temperature),
      top_p_(sampling.top_p),
      top_k_(sampling.top_k > 0 ? static_cast<std::size_t>(sampling.top_k) : 0),
      random_(sampling.seed) {}

std::optional<std::int32_t> TokenSampler::draw(std::span<const float> logits) {
  measure(logits);
  if (!std::isfinite(total_) || !std::isfinite(largest_)) {
    return std::nullopt;
  }
  if (temperature_ <= 0 || top_k_ == 1) {
    return static_cast<std::int32_t>(std::find(logits.begin(), logits.end(), largest_) -
                                     logits.begin());
  }
  const bool cuts_k = top_k_ > 0 && top_k_ < logits.size();
  if (!cuts_k && top_p_ >= 1) {
    return draw_from_all(logits);
  }
  // Most of the probability is on few tokens: look deeper only while it does not suffice.
  for (double gap = 4; candidates_.size() < logits.size(); gap *= 2) {
    gather(logits,
           gap < -static_cast<double>(kSmallest) ? gap : std::numeric_limits<double>::infinity());
    if (cuts_k ? candidates_.size() >= top_k_ : candidates_total_ >= top_p_ * total_) {
      break;
    }
  }
  if (cuts_k) {
    keep_largest(top_k_);
  }
  const std::int32_t drawn = draw_from_candidates();
  candidates_.clear();
  return drawn;
}

// Fills largest_ and total_, and the same for each block.
void TokenSampler::measure(std::span<const float> logits) {
  const std::size_t blocks = (logits.size() + kBlock - 1) / kBlock;
  block_largest_.resize(blocks);
  block_total_.resize(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    block_largest_[b] =
        largest_of(logits.data() + b * kBlock, std::min(kBlock, logits.size() - b * kBlock));
  }
  largest_ = blocks == 0 ? -std::numeric_limits<float>::infinity()
                         : *std::max_element(block_largest_.begin(), block_largest_.end());
  const auto inverse = static_cast<float>(temperature_ > 0 ? 1 / temperature_ : 1);
  total_ = 0;
  for (std::size_t b = 0; b < blocks; ++b) {
    block_total_[b] =
        sum_of_weights(logits.data() + b * kBlock, std::min(kBlock, logits.size() - b * kBlock),
                       largest_, inverse);
    total_ += block_total_[b];
  }
}

// Candidates: all tokens whose logit is at most `gap` temperatures below the largest.
void TokenSampler::gather(std::span<const float> logits, double gap) {
  const auto threshold = static_cast<float>(static_cast<double>(largest_) - gap * temperature_);
  candidates_.clear();
  candidates_total_ = 0;
  for (std::size_t b = 0; b < block_largest_.size(); ++b) {
    if (block_largest_[b] < threshold) {
      continue;
    }
    const std::size_t end = std::min((b + 1) * kBlock, logits.size());
    for (std::size_t i = b * kBlock; i < end; ++i) {
      if (logits[i] >= threshold) {
        const double weight = std::exp(
            (static_cast<double>(logits[i]) - static_cast<double>(largest_)) / temperature_);
        candidates_.push_back({logits[i], static_cast<std::int32_t>(i), weight});
        candidates_total_ += weight;
      }
    }
  }
}

// Leaves the `count` largest candidates; top_p is then a share of these.
void TokenSampler::keep_largest(std::size_t count) {
  if (candidates_.size() > count) {
    const auto last = candidates_.begin() + static_cast<std::ptrdiff_t>(count);
    std::nth_element(candidates_.begin(), last, candidates_.end(), comes_before);
    candidates_.erase(last, candidates_.end());
  }
  total_ = 0;
  for (const Candidate& candidate : candidates_) {
    total_ += candidate.weight;
  }
}

std::int32_t TokenSampler::draw_from_all(std::span<const float> logits) {
  double left = random_.uniform() * total_;
  std::size_t b = 0;
  while (b + 1 < block_total_.size() && left >= block_total_[b]) {
    left -= block_total_[b++];
  }
  std::size_t drawn = b * kBlock;
  for (std::size_t i = drawn; i < std::min((b + 1) * kBlock, logits.size()); ++i) {
    const double weight =
        std::exp((static_cast<double>(logits[i]) - static_cast<double>(largest_)) / temperature_);
    if (weight > 0) {
      drawn = i;
    }
    if (left < weight) {
      break;
    }
    left -= weight;
  }
  return static_cast<std::int32_t>(drawn);
}

// The largest first, until they hold top_p of the weight (of those that top_k left); then one draw.
std::int32_t TokenSampler::draw_from_candidates() {
  std::sort(candidates_.begin(), candidates_.end(), comes_before);
  double held = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || held < top_p_ * total_)) {
    held += candidates_[kept++].weight;
  }
  double left = random_.uniform() * held;
  std::size_t drawn = 0;
  while (drawn + 1 < kept && left >= candidates_[drawn].weight) {
    left -= candidates_[drawn++].weight;
  }
  return candidates_[drawn].index;
}

}  // namespace tpt::engine
