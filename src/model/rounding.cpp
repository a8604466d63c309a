#include "model/rounding.h"

#include "base/error.h"

#include <ATen/ATen.h>

namespace tpt::model {

at::ScalarType torch_type(storage::TensorType type) {
  switch (type) {
    case storage::TensorType::f32:
      return at::kFloat;
    case storage::TensorType::bf16:
      return at::kBFloat16;
    case storage::TensorType::f16:
      return at::kHalf;
  }
  TPT_CHECK(false, "unknown type");
  return at::kFloat;
}

at::Tensor rounded(const std::string& name, const at::Tensor& tensor, storage::TensorType type) {
  const at::Tensor out = tensor.detach().to(torch_type(type));
  if (!at::isfinite(out).all().item<bool>()) {
    data_error("tensor {} holds numbers that {} cannot; f32 can", name,
               type == storage::TensorType::f16 ? "f16" : "bf16");
  }
  return out;
}

}  // namespace tpt::model
