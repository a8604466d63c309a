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

// Heads of one position stand side by side: queries, then keys, then values.
struct Shape {
  std::int64_t heads, kv_heads, n;
  std::int64_t normed() const { return heads + kv_heads; }
  std::int64_t width() const { return (heads + 2 * kv_heads) * n; }
  std::int64_t keys() const { return heads * n; }
  std::int64_t values() const { return normed() * n; }
};

class NormHeads : public torch::autograd::Function<NormHeads> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& query_norm, const at::Tensor& key_norm,
                            std::int64_t heads, std::int64_t kv_heads, double epsilon) {
    const at::Tensor x = input.contiguous();
    const Shape shape{heads, kv_heads, query_norm.size(0)};
    TPT_CHECK(x.size(-1) == shape.width() && key_norm.size(0) == shape.n, "heads do not fit");
    const std::int64_t rows = x.numel() / shape.width();
    at::Tensor y = at::empty_like(x);
    const at::Tensor inverse = at::empty({rows, shape.normed()}, x.options());
    const auto small = static_cast<float>(epsilon);
    constexpr std::int64_t kGrainRows = 64;
    at::parallel_for(0, rows, kGrainRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* from = x.const_data_ptr<float>() + row * shape.width();
        float* to = y.mutable_data_ptr<float>() + row * shape.width();
        float* scale = inverse.mutable_data_ptr<float>() + row * shape.normed();
        norm_rows(from, query_norm.const_data_ptr<float>(), to, scale, heads, shape.n, small);
        norm_rows(from + shape.keys(), key_norm.const_data_ptr<float>(), to + shape.keys(),
                  scale + heads, kv_heads, shape.n, small);
        std::copy(from + shape.values(), from + shape.width(), to + shape.values());
      }
    });
    context->save_for_backward({x, query_norm, key_norm, inverse});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const Shape shape{context->saved_data["heads"].toInt(), context->saved_data["kv_heads"].toInt(),
                      saved[1].size(0)};
    const at::Tensor grad = grads[0].contiguous();
    const std::int64_t rows = x.numel() / shape.width();
    const at::Tensor grad_x = at::empty_like(x);
    // Pieces of a fixed size, summed in order: the thread count changes no bit.
    constexpr std::int64_t kPieceRows = 256;
    const std::int64_t pieces = (rows + kPieceRows - 1) / kPieceRows;
    const at::Tensor partial = at::zeros({2, pieces, shape.n}, x.options());
    at::parallel_for(0, pieces, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t piece = begin; piece < end; ++piece) {
        float* query_sum = partial.mutable_data_ptr<float>() + piece * shape.n;
        const std::int64_t last = std::min(rows, (piece + 1) * kPieceRows);
        for (std::int64_t row = piece * kPieceRows; row < last; ++row) {
          backward_row(saved, grad, grad_x, shape, row, query_sum, query_sum + pieces * shape.n);
        }
      }
    });
    const at::Tensor sums = partial.sum(1);
    return {grad_x, sums[0], sums[1], at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static void backward_row(const variable_list& saved, const at::Tensor& grad,
                           const at::Tensor& grad_x, const Shape& shape, std::int64_t row,
                           float* query_sum, float* key_sum) {
    const std::int64_t at = row * shape.width();
    const float* from = saved[0].const_data_ptr<float>() + at;
    const float* scale = saved[3].const_data_ptr<float>() + row * shape.normed();
    const float* g = grad.const_data_ptr<float>() + at;
    float* to = grad_x.mutable_data_ptr<float>() + at;
    norm_rows_backward(g, from, saved[1].const_data_ptr<float>(), scale, nullptr, to, query_sum,
                       shape.heads, shape.n);
    norm_rows_backward(g + shape.keys(), from + shape.keys(), saved[2].const_data_ptr<float>(),
                       scale + shape.heads, nullptr, to + shape.keys(), key_sum, shape.kv_heads,
                       shape.n);
    std::copy(g + shape.values(), g + shape.width(), to + shape.values());
  }
};

}  // namespace

at::Tensor norm_heads(const at::Tensor& qkv, const at::Tensor& query_norm,
                      const at::Tensor& key_norm, std::int64_t num_heads, std::int64_t num_kv_heads,
                      double epsilon) {
  TPT_CHECK(qkv.is_cpu(), "loops over rows are for the host's memory");
  return NormHeads::apply(qkv, query_norm, key_norm, num_heads, num_kv_heads, epsilon);
}

}  // namespace tpt::model
