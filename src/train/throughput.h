// How much work a batch is, and how much of it a device could do.
#pragma once

#include "model/config.h"
#include "train/batches.h"

#include <optional>
#include <string_view>

namespace tpt::train {

// Floating-point operations of forward and backward over one batch, by what its documents need and
// not by what was computed: 6 for each position and weight in a matrix product; the head for each
// target alone; 12 L H head_dim for each pair of a position and one it attends to, causal and
// within its document. Padding counts nothing, the second forward of recomputed layers neither.
double flops_of(const model::Config& config, const Batch& batch);

// Dense peak in FLOP/s of a device by the name that its driver gives; nothing for one that is not
// known here.
std::optional<double> peak_flops(std::string_view device, model::Precision precision);

// FLOP/s of matrix products on this machine's CPU with the threads of the caller: the best of some
// runs, about a quarter of a second.
double measured_gemm_flops(model::Precision precision);

}  // namespace tpt::train
