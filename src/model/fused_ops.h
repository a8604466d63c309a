// Operations that are one pass here and many in plain torch, each with its backward. All are fp32;
// the test holds them to the plain formulas.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>

namespace tpt::model {

// x / sqrt(mean(x^2) + epsilon) * weight over the last dimension; x [.., d], weight [d].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

// silu(gate) * up; gate_up [.., 2 f] holds gate, then up -> [.., f].
at::Tensor swiglu(const at::Tensor& gate_up);

// Cosines and sines of the rotary positions 0 .. positions - 1: [positions, head_dim / 2] each.
struct RotaryTables {
  at::Tensor cosines;
  at::Tensor sines;
};
RotaryTables rotary_tables(std::int64_t positions, std::int64_t head_dim, double theta);

// Splits [b, t, (H + 2 K) head_dim] into queries [b, H, t, head_dim], keys and values
// [b, K, t, head_dim], with queries and keys turned by their position (halves paired, as in Hugging
// Face). position_bt: int64 [b, t].
std::tuple<at::Tensor, at::Tensor, at::Tensor> split_heads_rotary(const at::Tensor& qkv,
                                                                  const at::Tensor& position_bt,
                                                                  const RotaryTables& tables,
                                                                  std::int64_t num_heads,
                                                                  std::int64_t num_kv_heads);

// Cross-entropy in nats of targets_n (int64) under logits hidden_nd x weight_vd^T -> [n]. Works in
// pieces: all logits are never held at once where there are many. Products are in bf16 with `bf16`.
at::Tensor cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                         const at::Tensor& targets_n, bool bf16);

}  // namespace tpt::model
