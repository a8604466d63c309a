#include "base/error.h"
#include "model/fused_ops.h"
#include "model/fused_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits of one piece stay under 64 MiB; all of them are kept for the backward under that too.
constexpr std::int64_t kMaxLogits = std::int64_t{1} << 24U;
constexpr std::int64_t kGrainRows = 32;

at::Tensor product(const at::Tensor& left, const at::Tensor& right, bool bf16) {
  if (!bf16) return at::mm(left, right);
  return at::mm(left.to(at::kBFloat16), right.to(at::kBFloat16)).to(at::kFloat);
}

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden_input,
                            const at::Tensor& weight, const at::Tensor& target_input, bool bf16) {
    const at::Tensor hidden = hidden_input.contiguous();
    const at::Tensor targets = target_input.contiguous();
    const std::int64_t n = hidden.size(0);
    const std::int64_t v = weight.size(0);
    at::Tensor losses = at::empty({n}, hidden.options());
    const at::Tensor lse = at::empty({n}, hidden.options());
    const std::int64_t piece = piece_rows(n, v);
    at::Tensor kept;
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor logits = product(hidden.narrow(0, first, rows), weight.t(), bf16);
      at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
        losses_of_rows(logits.const_data_ptr<float>() + begin * v,
                       targets.const_data_ptr<std::int64_t>() + first + begin,
                       losses.mutable_data_ptr<float>() + first + begin,
                       lse.mutable_data_ptr<float>() + first + begin, end - begin, v);
      });
      if (piece >= n) kept = logits;
    }
    context->save_for_backward({hidden, weight, targets, lse, kept});
    context->saved_data["bf16"] = bf16;
    return losses;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& hidden = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor& targets = saved[2];
    const at::Tensor& lse = saved[3];
    const bool bf16 = context->saved_data["bf16"].toBool();
    const at::Tensor grad = grads[0].contiguous();
    const std::int64_t n = hidden.size(0);
    const std::int64_t v = weight.size(0);
    const at::Tensor grad_hidden = at::empty_like(hidden);
    at::Tensor grad_weight;
    const std::int64_t piece = piece_rows(n, v);
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor part = hidden.narrow(0, first, rows);
      // A copy of kept logits, so that a second backward finds them as they were.
      at::Tensor logits = saved[4].defined() ? saved[4].clone() : product(part, weight.t(), bf16);
      at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
        gradients_of_rows(logits.mutable_data_ptr<float>() + begin * v,
                          targets.const_data_ptr<std::int64_t>() + first + begin,
                          lse.const_data_ptr<float>() + first + begin,
                          grad.const_data_ptr<float>() + first + begin, end - begin, v);
      });
      grad_hidden.narrow(0, first, rows).copy_(product(logits, weight, bf16));
      const at::Tensor part_weight = product(logits.t(), part, bf16);
      grad_weight = grad_weight.defined() ? grad_weight.add_(part_weight) : part_weight;
    }
    if (!grad_weight.defined()) grad_weight = at::zeros_like(weight);
    return {grad_hidden, grad_weight, at::Tensor(), at::Tensor()};
  }

 private:
  static std::int64_t piece_rows(std::int64_t n, std::int64_t v) {
    return std::clamp<std::int64_t>(kMaxLogits / v, 1, std::max<std::int64_t>(n, 1));
  }
};

}  // namespace

at::Tensor cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                         const at::Tensor& targets_n, bool bf16) {
  TPT_CHECK(hidden_nd.is_cpu(), "loops over rows are for the host's memory");
  TPT_CHECK(hidden_nd.size(0) == targets_n.numel(), "{} targets for {} rows", targets_n.numel(),
            hidden_nd.size(0));
  const at::Tensor targets = targets_n.contiguous();
  const auto* target = targets.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < targets.numel(); ++i) {
    TPT_CHECK(target[i] >= 0 && target[i] < weight_vd.size(0), "target {} of {} classes", target[i],
              weight_vd.size(0));
  }
  return CrossEntropy::apply(hidden_nd, weight_vd, targets, bf16);
}

}  // namespace tpt::model
