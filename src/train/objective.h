// The loss of a batch, and its gradients.
#pragma once

#include "model/transformer.h"
#include "train/batches.h"
#include "train/metrics.h"

namespace tpt::train {

// How a forward pass is computed.
struct Pass {
  model::Precision precision = model::Precision::fp32;
  model::Activations activations = model::Activations::kept;
  std::int64_t repeats = 0;  // how often a repeated block is run; 0: as the model's config says
};

// The loss of each target in nats, [n], fp32; with gradients where they are enabled.
at::Tensor target_losses(const model::Transformer& network, const Batch& batch, const Pass& pass);

// Adds to the gradients those of sum(weight * loss) / `denominator`; gives the sums of unweighted
// losses by kind, fp64 [kinds], where the network is. `denominator` is the sum of weights over all
// batches of the step (of all processes), so that accumulating several batches equals one large
// batch.
at::Tensor accumulate_gradients(const model::Transformer& network, const Batch& batch,
                                double denominator, const Pass& pass);

// The losses of the batch's targets added up by kind, with their counts and bytes. NaN and infinity
// stay what they are.
Tally tally_of(const at::Tensor& losses_n, const Batch& batch);

}  // namespace tpt::train
