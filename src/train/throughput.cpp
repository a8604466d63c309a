#include "train/throughput.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>

namespace tpt::train {

double flops_of(const model::Config& config, const BatchCounts& batch) {
  return flops_of(config, Work{.positions = static_cast<double>(batch.positions),
                               .targets = static_cast<double>(batch.targets()),
                               .attended = static_cast<double>(batch.attended)});
}

double measured_gemm_flops(model::Precision precision) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kSize = 768;
  constexpr auto kLong = std::chrono::milliseconds(250);
  const at::NoGradGuard no_gradients;
  const auto type = precision == model::Precision::bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor left = at::ones({kSize, kSize}, type);
  const at::Tensor right = at::ones({kSize, kSize}, type);
  at::Tensor out = at::mm(left, right);
  double best_seconds = 1e9;
  const auto end = Clock::now() + kLong;
  do {
    const auto start = Clock::now();
    at::mm_out(out, left, right);
    const std::chrono::duration<double> taken = Clock::now() - start;
    best_seconds = std::min(best_seconds, taken.count());
  } while (Clock::now() < end);
  constexpr double kWork = 2.0 * kSize * kSize * kSize;
  return kWork / best_seconds;
}

}  // namespace tpt::train
