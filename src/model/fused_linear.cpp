#include "model/fused_linear.h"

#include "base/error.h"
#include "model/matrix_product.h"
#include "model/row_passes.h"
#include "model/weight_gradient.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <vector>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

at::Tensor as_matrix(const at::Tensor& x) { return x.reshape({-1, x.size(-1)}); }

// x weight^T with the shape of x but for the last dimension.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, Precision precision) {
  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  const at::Tensor out = at::empty(shape, x.options());
  multiply(as_matrix(x), weight.detach().t(), as_matrix(out), /*add=*/false, precision);
  return out;
}

// grad weight, the gradient of product()'s x.
at::Tensor product_backward(const at::Tensor& grad, const at::Tensor& weight, Precision precision) {
  auto shape = grad.sizes().vec();
  shape.back() = weight.size(1);
  const at::Tensor out = at::empty(shape, grad.options());
  multiply(as_matrix(grad), weight.detach(), as_matrix(out), /*add=*/false, precision);
  return out;
}

at::Tensor plus_product(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                        Precision precision) {
  const at::Tensor out = residual.clone(at::MemoryFormat::Contiguous);
  multiply(as_matrix(x), weight.detach().t(), as_matrix(out), /*add=*/true, precision);
  return out;
}

constexpr const char* kPrecision = "precision";

void keep(AutogradContext* context, Precision precision) {
  context->saved_data[kPrecision] = static_cast<std::int64_t>(precision);
}

Precision kept(AutogradContext* context) {
  return static_cast<Precision>(context->saved_data[kPrecision].toInt());
}

class JoinedLinear : public torch::autograd::Function<JoinedLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& first, const at::Tensor& second,
                            const std::optional<at::Tensor>& third,
                            const std::optional<at::Tensor>& bias, Precision precision) {
    keep(context, precision);
    const at::Tensor x = input.contiguous();
    variable_list saved{x, first, second};
    if (third) {
      saved.push_back(*third);
    }
    context->save_for_backward(saved);
    context->saved_data["biased"] = bias.has_value();
    const at::Tensor out = product(x, joined_rows({saved.begin() + 1, saved.end()}), precision);
    return bias ? out.add_(*bias) : out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Precision precision = kept(context);
    const std::vector<at::Tensor> parts(saved.begin() + 1, saved.end());
    const at::Tensor grad = grads[0].contiguous();
    variable_list out{product_backward(grad, joined_rows(parts), precision)};
    for (const at::Tensor& part :
         add_weight_gradients(parts, as_matrix(grad), as_matrix(saved[0]), precision)) {
      out.push_back(part);
    }
    out.resize(4);
    out.push_back(context->saved_data["biased"].toBool() ? as_matrix(grad).sum(0) : at::Tensor());
    out.emplace_back();
    return out;
  }
};

class AddLinear : public torch::autograd::Function<AddLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& residual,
                            const at::Tensor& input, const at::Tensor& weight,
                            Precision precision) {
    keep(context, precision);
    const at::Tensor x = input.contiguous();
    context->save_for_backward({x, weight});
    return plus_product(residual, x, weight, precision);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    const Precision precision = kept(context);
    return {grad, product_backward(grad, saved[1], precision),
            add_weight_gradients({saved[1]}, as_matrix(grad), as_matrix(saved[0]), precision)[0],
            at::Tensor()};
  }
};

class AddGatedMlp : public torch::autograd::Function<AddGatedMlp> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& norm, double epsilon, const at::Tensor& gate,
                            const at::Tensor& up, const at::Tensor& down, Precision precision) {
    keep(context, precision);
    const at::Tensor x = input.contiguous();
    const Normed normed = norm_pass(x, norm, epsilon);
    const at::Tensor gate_up = product(normed.y, joined_rows({gate, up}), precision);
    const at::Tensor inner = gate_pass(gate_up);
    context->save_for_backward({x, norm, normed.inverse, normed.y, gate_up, inner, gate, up, down});
    return plus_product(x, inner, down, precision);
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &norm = saved[1], &inverse = saved[2], &normed = saved[3],
                     &gate_up = saved[4], &inner = saved[5], &gate = saved[6], &up = saved[7],
                     &down = saved[8];
    const Precision precision = kept(context);
    const at::Tensor grad = grads[0].contiguous();
    const at::Tensor grad_down =
        add_weight_gradients({down}, as_matrix(grad), as_matrix(inner), precision)[0];
    const at::Tensor grad_gate_up =
        gate_pass_backward(product_backward(grad, down, precision), gate_up);
    const std::vector<at::Tensor> grad_parts =
        add_weight_gradients({gate, up}, as_matrix(grad_gate_up), as_matrix(normed), precision);
    const NormGradients out = norm_pass_backward(
        product_backward(grad_gate_up, joined_rows({gate, up}), precision), x, norm, inverse, grad);
    return {out.x, out.weight, at::Tensor(), grad_parts[0], grad_parts[1], grad_down, at::Tensor()};
  }
};

}  // namespace

at::Tensor joined_linear(const at::Tensor& x, const at::Tensor& first, const at::Tensor& second,
                         const std::optional<at::Tensor>& third,
                         const std::optional<at::Tensor>& bias, Precision precision) {
  return JoinedLinear::apply(x, first, second, third, bias, precision);
}

at::Tensor add_linear(const at::Tensor& residual, const at::Tensor& x, const at::Tensor& weight,
                      Precision precision) {
  return AddLinear::apply(residual, x, weight, precision);
}

at::Tensor add_gated_mlp(const at::Tensor& x, const at::Tensor& norm, double epsilon,
                         const at::Tensor& gate, const at::Tensor& up, const at::Tensor& down,
                         Precision precision) {
  return AddGatedMlp::apply(x, norm, epsilon, gate, up, down, precision);
}

}  // namespace tpt::model
