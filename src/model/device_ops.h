// The operations of fused_ops.h for tensors in any device's memory, in fp32 or bf16: what a GPU
// runs, by torch's kernels and those of gpu_kernels.h. Shapes in names: N positions of all rows, h
// heads, n floats a head.
#pragma once

#include "model/rotary_tables.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <tuple>
#include <vector>

namespace tpt::model {

// The documents of a batch as one sequence of positions.
struct Spans {
  at::Tensor starts;                  // int32 [documents + 1], on the device; the last is N
  std::vector<std::int64_t> on_host;  // the same
  std::int64_t longest = 0;
  at::Tensor position_N;  // int64: within its document; on the device
};

// Of document_bt (int64, on the host; undefined: each row is one) for rows of `positions`.
Spans spans_of(const at::Tensor& document_bt, std::int64_t rows, std::int64_t positions,
               at::Device device);

// Moves what the host made; on a GPU through pinned memory, without waiting for it.
at::Tensor moved(const at::Tensor& on_host, at::Device device);

// rms_norm() of x, given in `type`.
at::Tensor device_rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                           at::ScalarType type);
// norm_heads() of qkv [N, (H + 2 K) n].
at::Tensor device_norm_heads(const at::Tensor& qkv, const at::Tensor& query_norm,
                             const at::Tensor& key_norm, std::int64_t num_heads,
                             std::int64_t num_kv_heads, double epsilon);
at::Tensor device_swiglu(const at::Tensor& gate_up);

// Cosines and sines of each position, fp32 [N, n / 2]: the same for all layers.
RotaryTables rotary_of(const RotaryTables& tables, const at::Tensor& position_N);
// qkv [N, (H + 2 K) n] -> queries [N, H, n], keys and values [N, K, n], turned by their position.
std::tuple<at::Tensor, at::Tensor, at::Tensor> device_split_heads_rotary(const at::Tensor& qkv,
                                                                         const RotaryTables& rotary,
                                                                         std::int64_t num_heads,
                                                                         std::int64_t num_kv_heads);

// Causal attention within each document -> [N, H n]. On a GPU in bf16 by flash attention with
// variable lengths where this libtorch and the GPU have it; else document by document.
at::Tensor device_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const Spans& spans);

// cross_entropy(); targets are not checked. On a GPU the pieces are larger.
at::Tensor device_cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                                const at::Tensor& targets_n, bool bf16);

}  // namespace tpt::model
