#include "model/fused_ops.h"
#include "model/weight_gradient.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// In the order of the positions: a row that was read twice has the same sum each time.
void add_rows(const at::Tensor& grad_nd, const at::Tensor& ids_n, const at::Tensor& sum_vd) {
  const std::int64_t d = grad_nd.size(1);
  const float* from = grad_nd.const_data_ptr<float>();
  const auto* ids = ids_n.const_data_ptr<std::int64_t>();
  auto* sums = sum_vd.mutable_data_ptr<float>();
  for (std::int64_t position = 0; position < grad_nd.size(0); ++position) {
    float* to = sums + ids[position] * d;
    for (std::int64_t i = 0; i < d; ++i) to[i] += from[position * d + i];
  }
}

class Embedding : public torch::autograd::Function<Embedding> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& weight,
                            const at::Tensor& ids) {
    context->save_for_backward({weight, ids});
    return at::embedding(weight, ids);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &weight = saved[0], &ids = saved[1];
    if (at::GradMode::is_enabled() || !takes_gradient_in_place(weight)) {
      return {at::embedding_dense_backward(grads[0], ids, weight.size(0), -1, false), {}};
    }
    add_rows(grads[0].reshape({-1, weight.size(1)}).contiguous(), ids.contiguous(), weight.grad());
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor embed(const at::Tensor& weight_vd, const at::Tensor& ids) {
  return Embedding::apply(weight_vd, ids);
}

}  // namespace tpt::model
