// How much work a batch is, and how much of it a device could do.
#pragma once

#include "model/config.h"
#include "train/batches.h"
#include "train/devices.h"
#include "train/work.h"

namespace tpt::train {

// Floating-point operations of forward and backward over one batch, by what its documents need and
// not by what was computed (work.h): a position attends to those of its document up to itself.
// Padding counts nothing, the second forward of recomputed layers neither.
double flops_of(const model::Config& config, const BatchCounts& batch);

// FLOP/s of matrix products on this machine's CPU with the threads of the caller: the best of some
// runs, about a quarter of a second.
double measured_gemm_flops(model::Precision precision);

}  // namespace tpt::train
