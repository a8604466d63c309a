#include "base/error.h"
#include "model/device_ops.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Logits of a piece: 64 MiB on a CPU; on a GPU 512 MiB, so that products with long vocabularies
// still have enough rows to be worth the reading of the weights.
constexpr std::int64_t kCpuLogits = std::int64_t{1} << 24U;
constexpr std::int64_t kGpuLogits = std::int64_t{1} << 27U;

at::Tensor operand(const at::Tensor& x, bool bf16) { return bf16 ? x.to(at::kBFloat16) : x; }

class CrossEntropy : public torch::autograd::Function<CrossEntropy> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& targets, bool bf16) {
    const std::int64_t n = hidden.size(0);
    const std::int64_t piece = piece_rows(hidden, weight);
    const at::Tensor losses = at::empty({n}, hidden.options().dtype(at::kFloat));
    const at::Tensor lse = at::empty_like(losses);
    const at::Tensor head = operand(weight, bf16).t();
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor logits =
          at::mm(operand(hidden.narrow(0, first, rows), bf16), head).to(at::kFloat);
      const at::Tensor target = targets.narrow(0, first, rows).unsqueeze(1);
      lse.narrow(0, first, rows).copy_(at::logsumexp(logits, {1}));
      losses.narrow(0, first, rows)
          .copy_(lse.narrow(0, first, rows) - logits.gather(1, target).squeeze(1));
    }
    context->save_for_backward({hidden, weight, targets, lse});
    context->saved_data["bf16"] = bf16;
    return losses;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &hidden = saved[0], &weight = saved[1], &targets = saved[2], &lse = saved[3];
    const bool bf16 = context->saved_data["bf16"].toBool();
    const std::int64_t n = hidden.size(0);
    const std::int64_t piece = piece_rows(hidden, weight);
    const at::Tensor grad_hidden = at::empty_like(hidden);
    const at::Tensor grad_weight = at::zeros_like(weight);
    const at::Tensor head = operand(weight, bf16);
    for (std::int64_t first = 0; first < n; first += piece) {
      const std::int64_t rows = std::min(piece, n - first);
      const at::Tensor part = operand(hidden.narrow(0, first, rows), bf16);
      const at::Tensor grad = grads[0].narrow(0, first, rows).unsqueeze(1);
      at::Tensor slopes = at::mm(part, head.t()).to(at::kFloat);
      slopes.sub_(lse.narrow(0, first, rows).unsqueeze(1)).exp_().mul_(grad);
      slopes.scatter_add_(1, targets.narrow(0, first, rows).unsqueeze(1), -grad);
      slopes = operand(slopes, bf16);
      grad_hidden.narrow(0, first, rows).copy_(at::mm(slopes, head));
      grad_weight.add_(at::mm(slopes.t(), part));
    }
    return {grad_hidden, grad_weight, at::Tensor(), at::Tensor()};
  }

 private:
  static std::int64_t piece_rows(const at::Tensor& hidden, const at::Tensor& weight) {
    const std::int64_t logits = hidden.is_cpu() ? kCpuLogits : kGpuLogits;
    return std::clamp<std::int64_t>(logits / weight.size(0), 1,
                                    std::max<std::int64_t>(hidden.size(0), 1));
  }
};

}  // namespace

at::Tensor device_cross_entropy(const at::Tensor& hidden_nd, const at::Tensor& weight_vd,
                                const at::Tensor& targets_n, bool bf16) {
  TPT_CHECK(hidden_nd.size(0) == targets_n.numel(), "{} targets for {} rows", targets_n.numel(),
            hidden_nd.size(0));
  return CrossEntropy::apply(hidden_nd.contiguous(), weight_vd, targets_n.contiguous(), bf16);
}

}  // namespace tpt::model
