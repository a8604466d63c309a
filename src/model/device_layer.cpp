#include "model/device_layer.h"

#include <ATen/ATen.h>

#include <vector>

namespace tpt::model {
namespace {

// Cast, then joined: the other way round would copy fp32 weights.
at::Tensor joined(const std::vector<at::Tensor>& weights, at::ScalarType type) {
  std::vector<at::Tensor> cast;
  for (const at::Tensor& weight : weights) cast.push_back(weight.to(type));
  return at::cat(cast);
}

at::Tensor attention(const Config& config, const Layer& layer, const DevicePass& pass,
                     const at::Tensor& normed_Nd) {
  at::Tensor bias;
  if (layer.query_bias.defined()) {
    bias = joined({layer.query_bias, layer.key_bias, layer.value_bias}, pass.type);
  }
  at::Tensor qkv =
      at::linear(normed_Nd, joined({layer.query, layer.key, layer.value}, pass.type), bias);
  if (layer.query_norm.defined()) {
    qkv = device_norm_heads(qkv, layer.query_norm, layer.key_norm, config.num_heads,
                            config.num_kv_heads, config.norm_epsilon);
  }
  const auto [query, key, value] =
      device_split_heads_rotary(qkv, pass.rotary, config.num_heads, config.num_kv_heads);
  return at::linear(device_attention(query, key, value, pass.spans),
                    layer.attention_out.to(pass.type));
}

}  // namespace

at::Tensor device_layer(const Config& config, const Layer& layer, const DevicePass& pass,
                        const at::Tensor& x_Nd) {
  const double epsilon = config.norm_epsilon;
  const at::Tensor normed = device_rms_norm(x_Nd, layer.attention_norm, epsilon, pass.type);
  const at::Tensor middle = x_Nd + attention(config, layer, pass, normed);
  const at::Tensor inner = device_rms_norm(middle, layer.mlp_norm, epsilon, pass.type);
  const at::Tensor gate_up = at::linear(inner, joined({layer.gate, layer.up}, pass.type));
  return middle + at::linear(device_swiglu(gate_up), layer.down.to(pass.type));
}

}  // namespace tpt::model
