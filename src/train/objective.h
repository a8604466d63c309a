// The loss of a batch, and what it costs.
#pragma once

#include "model/transformer.h"
#include "train/batches.h"
#include "train/metrics.h"

namespace tpt::train {

// The loss of each target in nats, [n], fp32; with gradients where they are enabled.
at::Tensor target_losses(const model::Transformer& network, const Batch& batch,
                         model::Precision precision);

// Adds to the gradients those of sum(weight * loss) / `denominator`; gives the unweighted losses by
// kind. `denominator` is the sum of weights over all batches of the step, so that accumulating
// several batches equals one large batch.
Tally accumulate_gradients(const model::Transformer& network, const Batch& batch,
                           double denominator, model::Precision precision);

// Adds the losses of the batch's targets up by kind. NaN and infinity stay what they are.
Tally tally_of(const at::Tensor& losses_n, const std::vector<Kind>& kinds);

// Floating-point operations of forward and backward over one batch: 6 for each position and weight
// in a matrix product, and 12 L H head_dim for each position and the (t + 1) / 2 it attends to on
// average.
double flops_of(const model::Config& config, const Batch& batch);

}  // namespace tpt::train
