#include "model/joined_linear.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <vector>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool are_neighbours(const std::vector<at::Tensor>& parts) {
  std::int64_t place = parts[0].storage_offset();
  for (const at::Tensor& part : parts) {
    if (!part.is_contiguous() || !part.is_alias_of(parts[0]) || part.storage_offset() != place) {
      return false;
    }
    place += part.numel();
  }
  return true;
}

at::Tensor joined(const std::vector<at::Tensor>& parts) {
  if (!are_neighbours(parts)) {
    return at::cat(parts);
  }
  std::int64_t rows = 0;
  for (const at::Tensor& part : parts) {
    rows += part.size(0);
  }
  const std::int64_t columns = parts[0].size(1);
  return parts[0].detach().as_strided({rows, columns}, {columns, 1});
}

at::Tensor as_matrix(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

class JoinedLinear : public torch::autograd::Function<JoinedLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& first,
                            const at::Tensor& second, const std::optional<at::Tensor>& third,
                            const std::optional<at::Tensor>& bias) {
    variable_list saved{x, first, second};
    if (third) {
      saved.push_back(*third);
    }
    context->save_for_backward(saved);
    context->saved_data["biased"] = bias.has_value();
    return at::linear(x, joined({saved.begin() + 1, saved.end()}), bias);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const std::vector<at::Tensor> parts(saved.begin() + 1, saved.end());
    const at::Tensor grad = as_matrix(grads[0]);
    std::vector<std::int64_t> rows;
    for (const at::Tensor& part : parts) {
      rows.push_back(part.size(0));
    }
    variable_list out{at::mm(grad, joined(parts)).view(saved[0].sizes())};
    for (const at::Tensor& part : at::mm(grad.t(), as_matrix(saved[0])).split_with_sizes(rows)) {
      out.push_back(part);
    }
    out.resize(4);
    out.push_back(context->saved_data["biased"].toBool() ? grad.sum(0) : at::Tensor());
    return out;
  }
};

}  // namespace

at::Tensor joined_linear(const at::Tensor& x, const at::Tensor& first, const at::Tensor& second,
                         const std::optional<at::Tensor>& third,
                         const std::optional<at::Tensor>& bias) {
  return JoinedLinear::apply(x, first, second, third, bias);
}

}  // namespace tpt::model
