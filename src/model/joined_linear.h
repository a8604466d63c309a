// A linear map whose matrix stands in parts: projections of one input, as one product.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace tpt::model {

// x [.., d] by the rows of `first`, `second` and, where given, `third` ([n, d] each, one after the
// other) -> [.., sum of n], plus `bias`. Parts that are neighbours in memory, as an optimizer's
// flat buffer has them, are not copied.
at::Tensor joined_linear(const at::Tensor& x, const at::Tensor& first, const at::Tensor& second,
                         const std::optional<at::Tensor>& third = {},
                         const std::optional<at::Tensor>& bias = {});

}  // namespace tpt::model
