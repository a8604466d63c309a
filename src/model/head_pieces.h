// Products with the head, in pieces of rows: all logits are never held at once where there are
// many.
#pragma once

#include "model/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace tpt::model {

// How many of n rows of v logits to work on at once: pieces of about the same size, of at most
// 64 MiB.
std::int64_t head_piece_rows(std::int64_t n, std::int64_t v);

// left x right (matrix_product.h).
at::Tensor head_product(const at::Tensor& left, const at::Tensor& right, Precision precision);
// sum += left x right; undefined is 0.
void add_head_product(at::Tensor& sum, const at::Tensor& left, const at::Tensor& right,
                      Precision precision);

// TPT_CHECK that it is the host's memory, with one target a row, each of them below v.
void check_targets(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                   const at::Tensor& targets_n);

}  // namespace tpt::model
