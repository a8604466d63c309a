#include "train/muon.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace tpt::train {

at::Tensor orthogonalized(const at::Tensor& gradient, at::ScalarType type) {
  constexpr double kLinear = 3.4445, kCubic = -4.7750, kQuintic = 2.0315, kEpsilon = 1e-7;
  constexpr int kSteps = 5;
  const bool is_tall = gradient.size(0) > gradient.size(1);
  at::Tensor x = gradient.to(type, /*non_blocking=*/false, /*copy=*/true);
  if (is_tall) {
    x = x.t();
  }
  x.div_(x.norm().clamp_min(kEpsilon));
  for (int step = 0; step < kSteps; ++step) {
    const at::Tensor gram = at::mm(x, x.t());
    const at::Tensor update = at::addmm(gram, gram, gram, kCubic, kQuintic);
    x = at::addmm(x, update, x, kLinear, 1.0);
  }
  return is_tall ? x.t() : x;
}

double muon_rate_scale(std::int64_t rows, std::int64_t columns) {
  return 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
}

}  // namespace tpt::train
