#include "train/weight_check.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace tpt::train {
namespace {

// Odd, so that a product modulo 2^64 loses no bit of its other factor.
constexpr std::int64_t kSpread = 0x9E3779B97F4A7C15;
constexpr std::int64_t kPieceElements = std::int64_t{1} << 20;

// The value that most processes have; the first one's where two are as frequent.
std::int64_t most_frequent(const std::vector<std::int64_t>& values) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const std::int64_t value : values) {
    ++counts[value];
  }
  return *std::max_element(values.begin(), values.end(),
                           [&](std::int64_t a, std::int64_t b) { return counts[a] < counts[b]; });
}

std::string ranks_without(const std::vector<std::int64_t>& values, std::int64_t expected) {
  std::string ranks;
  for (std::size_t rank = 0; rank < values.size(); ++rank) {
    if (values[rank] != expected) {
      ranks += (ranks.empty() ? "" : ", ") + std::to_string(rank);
    }
  }
  return ranks;
}

}  // namespace

at::Tensor digest_of(const at::Tensor& tensor) {
  const at::NoGradGuard no_gradients;
  const at::Tensor bits = tensor.detach().reshape({-1}).view(at::kInt);
  const auto options = bits.options().dtype(at::kLong);
  // Odd factors, another one for each place in a piece.
  const at::Tensor factors =
      at::arange(std::min(bits.numel(), kPieceElements), options).mul_(kSpread).bitwise_or_(1);
  at::Tensor digest = at::zeros({}, options);
  for (std::int64_t from = 0; from < bits.numel(); from += kPieceElements) {
    const std::int64_t count = std::min(kPieceElements, bits.numel() - from);
    const at::Tensor piece = bits.narrow(0, from, count).to(at::kLong);
    digest.mul_(kSpread).add_(piece.mul(factors.narrow(0, 0, count)).sum());
  }
  return digest;
}

void check_same_weights(Ranks& ranks, const model::NamedTensors& weights, std::int64_t step) {
  if (!ranks.are_many()) {
    return;
  }
  std::vector<at::Tensor> digests;
  for (const auto& [name, tensor] : weights) {
    digests.push_back(digest_of(tensor));
  }
  const at::Tensor all = at::stack(ranks.gather(at::stack(digests).to(at::kCPU)));
  const auto table = all.accessor<std::int64_t, 2>();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    std::vector<std::int64_t> values;
    for (std::int64_t rank = 0; rank < ranks.size(); ++rank) {
      values.push_back(table[rank][static_cast<std::int64_t>(i)]);
    }
    const std::int64_t expected = most_frequent(values);
    if (const std::string other = ranks_without(values, expected); !other.empty()) {
      io_error(
          "step {}: {} on process {} of {} is not what the others have: a machine that computes "
          "otherwise, or faulty memory; the states of steps before the last comparison are whole",
          step, weights[i].first, other, ranks.size());
    }
  }
}

}  // namespace tpt::train
