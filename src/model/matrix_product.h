// The product of matrices that layers are made of: torch's library, or our own blocks where the
// library's kernels leave much of the processor idle.
#pragma once

#include "model/config.h"

#include <ATen/core/Tensor.h>

namespace tpt::model {

// out [m, n] = left [m, k] right [k, n], or added to out with `add`. fp32 on the host; of each
// matrix the rows or the columns stand side by side, of out the rows. With Precision::bf16 left and
// right are rounded first; sums are fp32 (Intel's AMX rounds the result too). Nothing is recorded
// for gradients. Threads change no bit.
void multiply(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out, bool add,
              Precision precision = Precision::fp32);

// Whether products hold both operands a second time while they run.
bool copies_operands(Precision precision);

}  // namespace tpt::model
