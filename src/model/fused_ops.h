// Operations that are one pass here and many in plain torch, each with its backward. All are fp32;
// the test holds them to the plain formulas.
#pragma once

#include "model/config.h"
#include "model/rotary_tables.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

namespace tpt::model {

// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension; x [.., d], weight [d].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// Normalises each query head with query_norm [n] and each key head with key_norm [n] as rms_norm
// does; values stay. qkv [b, t, (H + 2 K) n].
at::Tensor norm_heads(const at::Tensor& qkv, const at::Tensor& query_norm,
                      const at::Tensor& key_norm, std::int64_t num_heads, std::int64_t num_kv_heads,
                      double epsilon);

// Splits [b, t, (H + 2 K) head_dim] into queries [b, H, t, head_dim], keys and values
// [b, K, t, head_dim], with queries and keys turned by their position (halves paired, as in Hugging
// Face). position_bt: int64 [b, t].
std::tuple<at::Tensor, at::Tensor, at::Tensor> split_heads_rotary(const at::Tensor& qkv,
                                                                  const at::Tensor& position_bt,
                                                                  const RotaryTables& tables,
                                                                  std::int64_t num_heads,
                                                                  std::int64_t num_kv_heads);

// softmax(q k^T / sqrt(head_dim)) v of queries [b, H, t, head_dim] with keys and values
// [b, K, t, head_dim] -> [b, t, H head_dim]. Position i attends to first_bt[i] .. i (int64 [b, t],
// never falling within a row), or to 0 .. i where it is undefined. Holds all weights of one head at
// a time: for rows of up to kMaxAttentionRow positions.
constexpr std::int64_t kMaxAttentionRow = 1024;
at::Tensor causal_attention(const at::Tensor& query_bhtn, const at::Tensor& key_bktn,
                            const at::Tensor& value_bktn, const at::Tensor& first_bt = {});

// Cross-entropy in nats of targets_n (int64) under logits hidden_nd x weight_vd^T -> [n]. Works in
// pieces: all logits are never held at once where there are many. Products are made in `precision`
// (matrix_product.h). TPT_CHECK that each target is below v.
at::Tensor cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                         const at::Tensor& targets_n, Precision precision);

// What cross_entropy gives as losses_n [n] (without gradients), and their sum, each times its
// coefficient (fp32 [n]): the same numbers for training alone. The gradients are made on the way
// forward, so that logits are made once and never kept.
struct WeightedLoss {
  at::Tensor sum;
  at::Tensor losses_n;
};
WeightedLoss weighted_loss(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                           const at::Tensor& targets_n, const at::Tensor& coefficients_n,
                           Precision precision);

// The backward pass of weighted_loss's sum, from the logits on: gives losses_n. The head's gradient
// is added where it stands (weight_gradient.h), never made beside it.
at::Tensor backward_weighted_loss(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                                  const at::Tensor& targets_n, const at::Tensor& coefficients_n,
                                  Precision precision);

// Rows of weight_vd [v, d] by ids (int64, any shape) -> [.., d]. The gradient is added where it
// stands, to the rows that were read alone. Error where an id is not below v.
at::Tensor embed(const at::Tensor& weight_vd, const at::Tensor& ids);

}  // namespace tpt::model
