// How much arithmetic training takes, from counts alone.
#pragma once

#include "model/config.h"

#include <cstdint>

namespace tpt::train {

// What a stretch of training reads: positions that are no padding, targets among them, and over the
// positions those that each attends to, itself among them.
struct Work {
  double positions = 0;
  double targets = 0;
  double attended = 0;
};

// Floating-point operations of forward and backward: 6 for each position and weight in a matrix
// product; the head for each target alone; 12 L H head_dim for each pair of positions. A layer that
// is run several times must stand several times in `config` (model::unrolled).
double flops_of(const model::Config& config, const Work& work);

}  // namespace tpt::train
