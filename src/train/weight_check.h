// Whether all processes hold the same weights.
#pragma once

#include "model/transformer.h"
#include "train/ranks.h"

#include <cstdint>

namespace tpt::train {

// A number that changes with any bit of `tensor` (fp32), with its shape left out; where it is
// computed, int64 [].
at::Tensor digest_of(const at::Tensor& tensor);

// Compares the digests of all processes: each of them calls it. Error(io), on all of them, naming
// the step, the tensor and the processes whose bits are not those of the most.
void check_same_weights(Ranks& ranks, const model::NamedTensors& weights, std::int64_t step);

}  // namespace tpt::train
