// The weights of one decoder layer.
#pragma once

#include <ATen/core/Tensor.h>

namespace tpt::model {

struct Layer {
  at::Tensor attention_norm;
  at::Tensor query, key, value, attention_out;
  at::Tensor query_bias, key_bias, value_bias;  // undefined where there are none
  at::Tensor query_norm, key_norm;              // likewise
  at::Tensor mlp_norm;
  at::Tensor gate, up, down;
};

}  // namespace tpt::model
