// The product of matrices that layers are made of: torch's library, or our own blocks where the
// library's kernels leave much of the processor idle (MKL on AMD's).
#pragma once

#include <ATen/core/Tensor.h>

namespace tpt::model {

// out [m, n] = left [m, k] right [k, n], or added to out with `add`. fp32 on the host; of each
// matrix the rows or the columns stand side by side, of out the rows. Nothing is recorded for
// gradients. Threads change no bit.
void multiply(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out, bool add);

// Our own, by blocks that stay in the caches.
void multiply_by_tiles(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add);

}  // namespace tpt::model
