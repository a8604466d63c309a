// Weights in the types of files.
#pragma once

#include "storage/safetensors.h"

#include <ATen/core/Tensor.h>

#include <string>

namespace tpt::model {

at::ScalarType torch_type(storage::TensorType type);

// The fp32 tensor in `type`. Error(data) naming it where it holds numbers that the type cannot.
at::Tensor rounded(const std::string& name, const at::Tensor& tensor, storage::TensorType type);

}  // namespace tpt::model
