#include "model/row_passes.h"

#include "model/fused_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace tpt::model {
namespace {

constexpr std::int64_t kGrainRows = 256;

}  // namespace

Normed norm_pass(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const std::int64_t d = x.size(-1);
  const std::int64_t rows = x.numel() / d;
  Normed normed{at::empty_like(x), at::empty({rows}, x.options())};
  at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
    norm_rows(x.const_data_ptr<float>() + begin * d, weight.const_data_ptr<float>(),
              normed.y.mutable_data_ptr<float>() + begin * d,
              normed.inverse.mutable_data_ptr<float>() + begin, end - begin, d,
              static_cast<float>(epsilon));
  });
  return normed;
}

NormGradients norm_pass_backward(const at::Tensor& grad, const at::Tensor& x,
                                 const at::Tensor& weight, const at::Tensor& inverse,
                                 const at::Tensor& residual) {
  const std::int64_t d = x.size(-1);
  const std::int64_t rows = x.numel() / d;
  const at::Tensor grad_x = at::empty_like(x);
  // Pieces of a fixed size, summed in order: the thread count changes no bit.
  constexpr std::int64_t kPieceRows = 1024;
  const std::int64_t pieces = (rows + kPieceRows - 1) / kPieceRows;
  const at::Tensor partial = at::zeros({pieces, d}, x.options());
  at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t piece = begin; piece < end; ++piece) {
      const std::int64_t first = piece * kPieceRows;
      norm_rows_backward(
          grad.const_data_ptr<float>() + first * d, x.const_data_ptr<float>() + first * d,
          weight.const_data_ptr<float>(), inverse.const_data_ptr<float>() + first,
          residual.defined() ? residual.const_data_ptr<float>() + first * d : nullptr,
          grad_x.mutable_data_ptr<float>() + first * d,
          partial.mutable_data_ptr<float>() + piece * d, std::min(kPieceRows, rows - first), d);
    }
  });
  return {grad_x, partial.sum(0)};
}

at::Tensor gate_pass(const at::Tensor& gate_up) {
  const std::int64_t f = gate_up.size(-1) / 2;
  auto shape = gate_up.sizes().vec();
  shape.back() = f;
  at::Tensor out = at::empty(shape, gate_up.options());
  at::parallel_for(0, out.numel() / f, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
    swiglu_rows(gate_up.const_data_ptr<float>() + begin * 2 * f,
                out.mutable_data_ptr<float>() + begin * f, end - begin, f);
  });
  return out;
}

at::Tensor gate_pass_backward(const at::Tensor& grad, const at::Tensor& gate_up) {
  const std::int64_t f = gate_up.size(-1) / 2;
  at::Tensor out = at::empty_like(gate_up);
  at::parallel_for(0, grad.numel() / f, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
    swiglu_rows_backward(grad.const_data_ptr<float>() + begin * f,
                         gate_up.const_data_ptr<float>() + begin * 2 * f,
                         out.mutable_data_ptr<float>() + begin * 2 * f, end - begin, f);
  });
  return out;
}

}  // namespace tpt::model
