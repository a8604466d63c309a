#include "model/head_pieces.h"

#include "base/error.h"
#include "model/matrix_product.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace tpt::model {

std::int64_t head_piece_rows(std::int64_t n, std::int64_t v) {
  constexpr std::int64_t kMaxLogits = std::int64_t{1} << 24U;
  const std::int64_t pieces = std::max<std::int64_t>(1, (n * v + kMaxLogits - 1) / kMaxLogits);
  return std::max<std::int64_t>(1, (n + pieces - 1) / pieces);
}

at::Tensor head_product(const at::Tensor& left, const at::Tensor& right, Precision precision) {
  const at::Tensor out = at::empty({left.size(0), right.size(1)}, left.options());
  multiply(left, right, out, /*add=*/false, precision);
  return out;
}

void add_head_product(at::Tensor& sum, const at::Tensor& left, const at::Tensor& right,
                      Precision precision) {
  if (sum.defined()) {
    multiply(left, right, sum, /*add=*/true, precision);
  } else {
    sum = head_product(left, right, precision);
  }
}

void check_targets(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                   const at::Tensor& targets_n) {
  TPT_CHECK(hidden_nd.is_cpu(), "loops over rows are for the host's memory");
  TPT_CHECK(hidden_nd.size(0) == targets_n.numel(), "{} targets for {} rows", targets_n.numel(),
            hidden_nd.size(0));
  const at::Tensor targets = targets_n.contiguous();
  const auto* target = targets.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < targets.numel(); ++i) {
    TPT_CHECK(target[i] >= 0 && target[i] < weight_vd.size(0), "target {} of {} classes", target[i],
              weight_vd.size(0));
  }
}

}  // namespace tpt::model
