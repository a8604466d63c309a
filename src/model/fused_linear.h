// Linear maps joined with what stands before and behind them, each with its backward. fp32 on the
// host; products are made in `precision` (matrix_product.h). Gradients of weights are added where
// they stand (weight_gradient.h).
#pragma once

#include "model/config.h"

#include <ATen/core/Tensor.h>

#include <optional>

namespace tpt::model {

// x [.., d] by the rows of `first`, `second` and, where given, `third` ([n, d] each, one after the
// other) -> [.., sum of n], plus `bias`. Parts that are neighbours in memory, as an optimizer's
// flat buffer has them, are not copied.
at::Tensor joined_linear(const at::Tensor& x, const at::Tensor& first, const at::Tensor& second,
                         const std::optional<at::Tensor>& third = {},
                         const std::optional<at::Tensor>& bias = {},
                         Precision precision = Precision::fp32);

// residual [.., n] + x [.., d] weight^T, weight [n, d].
at::Tensor add_linear(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                      Precision precision = Precision::fp32);

// x + down (silu(gate y) * (up y)) of y = rms_norm(x): x [.., d], norm [d], gate and up [f, d],
// down [d, f].
at::Tensor add_gated_mlp(const at::Tensor& x, const at::Tensor& norm, double epsilon,
                         const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down,
                         Precision precision = Precision::fp32);

}  // namespace tpt::model
