#include "model/recompute.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Part = std::function<at::Tensor(const at::Tensor&)>;

struct PartHolder : torch::CustomClassHolder {
  explicit PartHolder(Part given) : part(std::move(given)) {}
  Part part;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Part& part) {
    context->save_for_backward({x});
    context->saved_data["part"] = c10::IValue::make_capsule(c10::make_intrusive<PartHolder>(part));
    return part(x);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto capsule = context->saved_data["part"].toCapsule();
    const auto* holder = static_cast<const PartHolder*>(capsule.get());
    const at::Tensor x = context->get_saved_variables()[0].detach().set_requires_grad(true);
    at::Tensor out;
    {
      const at::AutoGradMode with_gradients(true);
      out = holder->part(x);
    }
    torch::autograd::backward({out}, {grads[0]});
    return {x.grad(), at::Tensor()};
  }
};

}  // namespace

at::Tensor recomputed(Part part, const at::Tensor& x) {
  TPT_CHECK(x.requires_grad(), "nothing would reach the leaves of the part");
  return Recomputed::apply(x, part);
}

}  // namespace tpt::model
