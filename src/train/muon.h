// The update that Muon makes of a matrix.
#pragma once

#include <ATen/core/Tensor.h>

namespace tpt::train {

// `gradient` [r, c] with its singular values brought near 1 by five steps of Newton and Schulz, as
// torch.optim.Muon does it; in `type` (torch's is bf16). Gives a tensor of that type.
at::Tensor orthogonalized(const at::Tensor& gradient, at::ScalarType type);

// What the learning rate of a matrix is multiplied by, so that its update is as large as AdamW's
// would be ("match_rms_adamw" of torch): 0.2 sqrt(max(rows, columns)).
double muon_rate_scale(std::int64_t rows, std::int64_t columns);

}  // namespace tpt::train
