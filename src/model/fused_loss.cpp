#include "base/error.h"
#include "model/fused_ops.h"
#include "model/fused_rows.h"
#include "model/head_pieces.h"
#include "model/matrix_product.h"
#include "model/weight_gradient.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kGrainRows = 8;

// Turns each row of logits into its gradient, and notes its loss.
void turn_into_gradients(const at::Tensor& logits, const std::int64_t* targets,
                         const float* coefficients, float* losses) {
  const std::int64_t v = logits.size(1);
  auto* values = logits.mutable_data_ptr<float>();
  at::parallel_for(0, logits.size(0), kGrainRows, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      float lse = 0;
      losses_of_rows(values + i * v, targets + i, losses + i, &lse, 1, v);
      gradients_of_rows(values + i * v, targets + i, &lse, coefficients + i, 1, v);
    }
  });
}

// The gradient of the hidden states; adds to that of the weight (undefined is 0), and notes the
// losses.
at::Tensor run_pass(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets,
                    const at::Tensor& coefficients, Precision precision, const at::Tensor& losses_n,
                    at::Tensor& grad_weight) {
  const at::Tensor grad_hidden = at::empty_like(hidden);
  const std::int64_t n = hidden.size(0), piece = head_piece_rows(n, weight.size(0));
  for (std::int64_t first = 0; first < n; first += piece) {
    const std::int64_t rows = std::min(piece, n - first);
    const at::Tensor part = hidden.narrow(0, first, rows);
    const at::Tensor logits = head_product(part, weight.t(), precision);
    turn_into_gradients(logits, targets.const_data_ptr<std::int64_t>() + first,
                        coefficients.const_data_ptr<float>() + first,
                        losses_n.mutable_data_ptr<float>() + first);
    multiply(logits, weight, grad_hidden.narrow(0, first, rows), /*add=*/false, precision);
    add_head_product(grad_weight, logits.t(), part, precision);
  }
  return grad_hidden;
}

// Gradients are linear in the loss: what it is multiplied with later multiplies them too.
class WeightedLossFunction : public torch::autograd::Function<WeightedLossFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_nd,
                            const at::Tensor& weight, const at::Tensor& targets_n,
                            const at::Tensor& coefficients_n, const at::Tensor& losses_n,
                            Precision precision) {
    at::Tensor grad_weight;
    const at::Tensor grad_hidden =
        run_pass(hidden_nd.contiguous(), weight, targets_n.contiguous(),
                 coefficients_n.contiguous(), precision, losses_n, grad_weight);
    context->save_for_backward({grad_hidden, grad_weight});
    return at::dot(losses_n, coefficients_n);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const bool is_loss_itself = grads[0].item<float>() == 1.0F;
    variable_list out(6);
    for (std::size_t i = 0; i < saved.size(); ++i) {
      out[i] = is_loss_itself ? saved[i] : saved[i] * grads[0];
    }
    return out;
  }
};

}  // namespace

WeightedLoss weighted_loss(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                           const at::Tensor& targets_n, const at::Tensor& coefficients_n,
                           Precision precision) {
  check_targets(hidden_nd, weight_vd, targets_n);
  TPT_CHECK(coefficients_n.numel() == targets_n.numel());
  at::Tensor losses_n = at::empty({hidden_nd.size(0)}, hidden_nd.options().requires_grad(false));
  const at::Tensor sum = WeightedLossFunction::apply(hidden_nd, weight_vd, targets_n,
                                                     coefficients_n, losses_n, precision);
  return {sum, losses_n};
}

at::Tensor backward_weighted_loss(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                                  const at::Tensor& targets_n, const at::Tensor& coefficients_n,
                                  Precision precision) {
  if (!takes_gradient_in_place(weight_vd)) {
    const WeightedLoss loss =
        weighted_loss(hidden_nd, weight_vd, targets_n, coefficients_n, precision);
    loss.sum.backward();
    return loss.losses_n;
  }
  check_targets(hidden_nd, weight_vd, targets_n);
  TPT_CHECK(coefficients_n.numel() == targets_n.numel());
  const at::Tensor losses_n =
      at::empty({hidden_nd.size(0)}, hidden_nd.options().requires_grad(false));
  at::Tensor grad_hidden;
  {
    const at::NoGradGuard no_gradients;
    at::Tensor grad_weight = weight_vd.grad();
    grad_hidden =
        run_pass(hidden_nd.detach().contiguous(), weight_vd.detach(), targets_n.contiguous(),
                 coefficients_n.contiguous(), precision, losses_n, grad_weight);
  }
  hidden_nd.backward(grad_hidden);
  return losses_n;
}

}  // namespace tpt::model
