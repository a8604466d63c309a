#include "model/weight_gradient.h"

#include "model/matrix_product.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstdint>

namespace tpt::model {
namespace {

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

}  // namespace

bool takes_gradient_in_place(const at::Tensor& weight) {
  const at::Tensor& grad = weight.grad();
  return weight.is_leaf() && weight.is_cpu() && grad.defined() && grad.is_contiguous() &&
         grad.scalar_type() == at::kFloat && !grad.requires_grad() &&
         torch::autograd::impl::post_acc_grad_hooks(weight) == nullptr;
}

at::Tensor joined_rows(const std::vector<at::Tensor>& parts) {
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

std::vector<at::Tensor> add_weight_gradients(const std::vector<at::Tensor>& weights,
                                             const at::Tensor& grad_no, const at::Tensor& input_ni,
                                             Precision precision) {
  std::vector<at::Tensor> grads;
  if (!at::GradMode::is_enabled() &&
      std::all_of(weights.begin(), weights.end(), takes_gradient_in_place)) {
    for (const at::Tensor& weight : weights) {
      grads.push_back(weight.grad());
    }
    if (are_neighbours(grads)) {
      multiply(grad_no.t(), input_ni, joined_rows(grads), /*add=*/true, precision);
      return std::vector<at::Tensor>(weights.size());
    }
    grads.clear();
  }
  const at::Tensor all = at::empty({grad_no.size(1), input_ni.size(1)}, input_ni.options());
  multiply(grad_no.t(), input_ni, all, /*add=*/false, precision);
  std::int64_t row = 0;
  for (const at::Tensor& weight : weights) {
    grads.push_back(all.narrow(0, row, weight.size(0)));
    row += weight.size(0);
  }
  return grads;
}

}  // namespace tpt::model
