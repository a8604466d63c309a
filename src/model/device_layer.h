// A decoder layer by the operations of device_ops.h.
#pragma once

#include "model/config.h"
#include "model/device_ops.h"
#include "model/layer_weights.h"

#include <ATen/core/Tensor.h>

namespace tpt::model {

// What all layers of a forward pass share.
struct DevicePass {
  Spans spans;
  RotaryTables rotary;  // of each position
  at::ScalarType type;  // of matrix products and of what stands between them
};

// x_Nd fp32 -> fp32: the stream of a network is fp32 in any precision.
at::Tensor device_layer(const Config& config, const Layer& layer, const DevicePass& pass,
                        const at::Tensor& x_Nd);

}  // namespace tpt::model
