#include "model/fused_ops.h"
#include "model/fused_rows.h"
#include "model/head_pieces.h"
#include "model/matrix_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kGrainRows = 32;

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_input,
                            const at::Tensor& weight, const at::Tensor& target_input,
                            Precision precision) {
    const at::Tensor hidden = hidden_input.contiguous();
    const at::Tensor targets = target_input.contiguous();
    const std::int64_t n = hidden.size(0);
    const std::int64_t v = weight.size(0);
    at::Tensor losses = at::empty({n}, hidden.options());
    const at::Tensor lse = at::empty({n}, hidden.options());
    const std::int64_t piece = head_piece_rows(n, v);
    at::Tensor kept;
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor logits = head_product(hidden.narrow(0, first, rows), weight.t(), precision);
      at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
        losses_of_rows(logits.const_data_ptr<float>() + begin * v,
                       targets.const_data_ptr<std::int64_t>() + first + begin,
                       losses.mutable_data_ptr<float>() + first + begin,
                       lse.mutable_data_ptr<float>() + first + begin, end - begin, v);
      });
      if (piece >= n) kept = logits;
    }
    context->save_for_backward({hidden, weight, targets, lse, kept});
    context->saved_data["precision"] = static_cast<std::int64_t>(precision);
    return losses;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& hidden = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor& targets = saved[2];
    const at::Tensor& lse = saved[3];
    const auto precision = static_cast<Precision>(context->saved_data["precision"].toInt());
    const at::Tensor grad = grads[0].contiguous();
    const std::int64_t n = hidden.size(0);
    const std::int64_t v = weight.size(0);
    const at::Tensor grad_hidden = at::empty_like(hidden);
    at::Tensor grad_weight;
    const std::int64_t piece = head_piece_rows(n, v);
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor part = hidden.narrow(0, first, rows);
      // A copy of kept logits, so that a second backward finds them as they were.
      at::Tensor logits =
          saved[4].defined() ? saved[4].clone() : head_product(part, weight.t(), precision);
      at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
        gradients_of_rows(logits.mutable_data_ptr<float>() + begin * v,
                          targets.const_data_ptr<std::int64_t>() + first + begin,
                          lse.const_data_ptr<float>() + first + begin,
                          grad.const_data_ptr<float>() + first + begin, end - begin, v);
      });
      multiply(logits, weight, grad_hidden.narrow(0, first, rows), /*add=*/false, precision);
      add_head_product(grad_weight, logits.t(), part, precision);
    }
    if (!grad_weight.defined()) grad_weight = at::zeros_like(weight);
    return {grad_hidden, grad_weight, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                         const at::Tensor& targets_n, Precision precision) {
  check_targets(hidden_nd, weight_vd, targets_n);
  return CrossEntropy::apply(hidden_nd, weight_vd, targets_n, precision);
}

}  // namespace tpt::model
