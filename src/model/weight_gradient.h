// Gradients of weights that stand in memory already: added where they are, without a copy.
#pragma once

#include "model/config.h"

#include <ATen/core/Tensor.h>

#include <vector>

namespace tpt::model {

// The rows of matrices one below the other: without a copy where they stand so in memory.
at::Tensor joined_rows(const std::vector<at::Tensor>& parts);

// Whether gradients may be added to a weight's own without torch: it has one, fp32 on the host, and
// nothing waits for it to be added (PostAccumulateGradHook).
bool takes_gradient_in_place(const at::Tensor& weight);

// In a backward: adds grad_no^T input_ni to the gradients of weights that joined are [o, i], fp32
// on the host. Gives undefined tensors where it did so, else the gradients, for torch to add: where
// a weight has none yet, or something waits for them to be added (PostAccumulateGradHook).
std::vector<at::Tensor> add_weight_gradients(const std::vector<at::Tensor>& weights,
                                             const at::Tensor& grad_no, const at::Tensor& input_ni,
                                             Precision precision);

}  // namespace tpt::model
