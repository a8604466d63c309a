// Norm and gate over all rows of a tensor by torch's threads, without a record for gradients: what
// the fused operations are made of. fp32 on the host, contiguous.
#pragma once

#include <ATen/core/Tensor.h>

namespace tpt::model {

struct Normed {
  at::Tensor y;        // as x
  at::Tensor inverse;  // 1 / root mean square, by row
};
Normed norm_pass(const at::Tensor& x, const at::Tensor& weight, double epsilon);

struct NormGradients {
  at::Tensor x, weight;
};
// With `residual`, which is added to the gradient of x where it is defined.
NormGradients norm_pass_backward(const at::Tensor& grad, const at::Tensor& x,
                                 const at::Tensor& weight, const at::Tensor& inverse,
                                 const at::Tensor& residual = {});

// silu(gate) * up of rows that hold gate, then up.
at::Tensor gate_pass(const at::Tensor& gate_up);
at::Tensor gate_pass_backward(const at::Tensor& grad, const at::Tensor& gate_up);

}  // namespace tpt::model
