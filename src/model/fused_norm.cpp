#include "base/error.h"
#include "model/fused_ops.h"
#include "model/row_passes.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, double epsilon) {
    const at::Tensor x = input.contiguous();
    const Normed normed = norm_pass(x, weight, epsilon);
    context->save_for_backward({x, weight, normed.inverse});
    return normed.y;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const NormGradients out =
        norm_pass_backward(grads[0].contiguous(), saved[0], saved[1], saved[2]);
    return {out.x, out.weight, at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  TPT_CHECK(x.is_cpu(), "loops over rows are for the host's memory");
  return RmsNorm::apply(x, weight, epsilon);
}

}  // namespace tpt::model
