// Our own products of matrices, by blocks that stay in the caches. Arguments as multiply() takes
// them (matrix_product.h).
#pragma once

#include <ATen/core/Tensor.h>

namespace tpt::model {

void multiply_by_tiles(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add);

// Of numbers rounded to bf16: in fp32, for any machine, and for processors that multiply pairs of
// bf16. Sums are fp32 in both.
void multiply_rounded_by_tiles(const at::Tensor& left, const at::Tensor& right,
                               const at::Tensor& out, bool add);
void multiply_by_pairs(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add);
bool can_multiply_by_pairs();

}  // namespace tpt::model
