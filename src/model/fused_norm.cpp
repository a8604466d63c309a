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

constexpr std::int64_t kGrainRows = 256;

class RmsNorm : public torch::autograd::Function<RmsNorm> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weight, double epsilon) {
    const at::Tensor x = input.contiguous();
    const std::int64_t d = x.size(-1);
    const std::int64_t rows = x.numel() / d;
    at::Tensor y = at::empty_like(x);
    const at::Tensor inverse = at::empty({rows}, x.options());
    at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
      norm_rows(x.const_data_ptr<float>() + begin * d, weight.const_data_ptr<float>(),
                y.mutable_data_ptr<float>() + begin * d, inverse.mutable_data_ptr<float>() + begin,
                end - begin, d, static_cast<float>(epsilon));
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor grad = grads[0].contiguous();
    const at::Tensor& x = saved[0];
    const std::int64_t d = x.size(-1);
    const std::int64_t rows = x.numel() / d;
    at::Tensor grad_x = at::empty_like(x);
    // Pieces of a fixed size, summed in order: the thread count changes no bit.
    constexpr std::int64_t kPieceRows = 1024;
    const std::int64_t pieces = (rows + kPieceRows - 1) / kPieceRows;
    const at::Tensor partial = at::zeros({pieces, d}, x.options());
    at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        const std::int64_t first = piece * kPieceRows;
        norm_rows_backward(
            grad.const_data_ptr<float>() + first * d, x.const_data_ptr<float>() + first * d,
            saved[1].const_data_ptr<float>(), saved[2].const_data_ptr<float>() + first,
            grad_x.mutable_data_ptr<float>() + first * d,
            partial.mutable_data_ptr<float>() + piece * d, std::min(kPieceRows, rows - first), d);
      }
    });
    return {grad_x, partial.sum(0), at::Tensor()};
  }
};

class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor gate_up = input.contiguous();
    const std::int64_t f = gate_up.size(-1) / 2;
    const std::int64_t rows = gate_up.numel() / (2 * f);
    auto shape = gate_up.sizes().vec();
    shape.back() = f;
    at::Tensor out = at::empty(shape, gate_up.options());
    at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
      swiglu_rows(gate_up.const_data_ptr<float>() + begin * 2 * f,
                  out.mutable_data_ptr<float>() + begin * f, end - begin, f);
    });
    context->save_for_backward({gate_up});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const at::Tensor gate_up = context->get_saved_variables()[0];
    const at::Tensor grad = grads[0].contiguous();
    const std::int64_t f = gate_up.size(-1) / 2;
    const std::int64_t rows = gate_up.numel() / (2 * f);
    at::Tensor out = at::empty_like(gate_up);
    at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
      swiglu_rows_backward(grad.const_data_ptr<float>() + begin * f,
                           gate_up.const_data_ptr<float>() + begin * 2 * f,
                           out.mutable_data_ptr<float>() + begin * 2 * f, end - begin, f);
    });
    return {out};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  TPT_CHECK(x.is_cpu(), "loops over rows are for the host's memory");
  return RmsNorm::apply(x, weight, epsilon);
}

at::Tensor swiglu(const at::Tensor& gate_up) {
  TPT_CHECK(gate_up.is_cpu(), "loops over rows are for the host's memory");
  return SwiGlu::apply(gate_up);
}

}  // namespace tpt::model
