// A part of the network whose inner activations are not kept: the backward pass runs it again.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace tpt::model {

// part(x), with the same numbers and the same gradients as part(x) itself, to the bit, for a part
// without chance in it. Only x is kept for the backward pass; gradients of leaves that the part
// uses are added to them there. What the part refers to must outlive that pass.
at::Tensor recomputed(std::function<at::Tensor(const at::Tensor&)> part, const at::Tensor& x);

}  // namespace tpt::model
