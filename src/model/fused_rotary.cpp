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

struct Shape {
  std::int64_t b, t, heads, kv_heads, head_dim;
  std::int64_t width() const { return (heads + 2 * kv_heads) * head_dim; }
};

struct Places {
  float* queries;
  float* keys;
  float* values;
};

// Where head `head` of the joined heads stands at (b, t): queries, then keys, then values.
float* head_place(const Places& places, const Shape& shape, std::int64_t b, std::int64_t t,
                  std::int64_t head) {
  const auto at = [&](float* base, std::int64_t index, std::int64_t count) {
    return base + ((b * count + index) * shape.t + t) * shape.head_dim;
  };
  if (head < shape.heads) return at(places.queries, head, shape.heads);
  head -= shape.heads;
  if (head < shape.kv_heads) return at(places.keys, head, shape.kv_heads);
  return at(places.values, head - shape.kv_heads, shape.kv_heads);
}

class SplitHeadsRotary : public torch::autograd::Function<SplitHeadsRotary> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& input,
                               const at::Tensor& position_bt, const at::Tensor& cosines,
                               const at::Tensor& sines, std::int64_t heads, std::int64_t kv_heads) {
    const at::Tensor qkv = input.contiguous();
    const Shape shape{qkv.size(0), qkv.size(1), heads, kv_heads,
                      qkv.size(2) / (heads + 2 * kv_heads)};
    const at::Tensor positions = position_bt.contiguous();
    at::Tensor queries = at::empty({shape.b, heads, shape.t, shape.head_dim}, qkv.options());
    at::Tensor keys = at::empty({shape.b, kv_heads, shape.t, shape.head_dim}, qkv.options());
    at::Tensor values = at::empty_like(keys);
    const Places places{queries.mutable_data_ptr<float>(), keys.mutable_data_ptr<float>(),
                        values.mutable_data_ptr<float>()};
    const float* in = qkv.const_data_ptr<float>();
    for_each_head(
        shape, positions, cosines, sines,
        [&](std::int64_t b, std::int64_t t, std::int64_t head, const float* cosine,
            const float* sine) {
          const float* from = in + (b * shape.t + t) * shape.width() + head * shape.head_dim;
          move(from, head_place(places, shape, b, t, head), shape, head, cosine, sine, 1.0F);
        });
    context->save_for_backward({positions, cosines, sines});
    context->saved_data["heads"] = heads;
    context->saved_data["kv_heads"] = kv_heads;
    return {queries, keys, values};
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const std::int64_t heads = context->saved_data["heads"].toInt();
    const std::int64_t kv_heads = context->saved_data["kv_heads"].toInt();
    const at::Tensor queries = grads[0].contiguous();
    const at::Tensor keys = grads[1].contiguous();
    const at::Tensor values = grads[2].contiguous();
    const Shape shape{queries.size(0), queries.size(2), heads, kv_heads, queries.size(3)};
    at::Tensor out = at::empty({shape.b, shape.t, shape.width()}, queries.options());
    float* base = out.mutable_data_ptr<float>();
    const Places places{const_cast<float*>(queries.const_data_ptr<float>()),
                        const_cast<float*>(keys.const_data_ptr<float>()),
                        const_cast<float*>(values.const_data_ptr<float>())};
    for_each_head(shape, saved[0], saved[1], saved[2],
                  [&](std::int64_t b, std::int64_t t, std::int64_t head, const float* cosine,
                      const float* sine) {
                    float* to = base + (b * shape.t + t) * shape.width() + head * shape.head_dim;
                    move(head_place(places, shape, b, t, head), to, shape, head, cosine, sine,
                         -1.0F);
                  });
    return {out, {}, {}, {}, {}, {}};
  }

 private:
  template <typename Visit>
  static void for_each_head(const Shape& shape, const at::Tensor& positions,
                            const at::Tensor& cosines, const at::Tensor& sines, Visit&& visit) {
    const std::int64_t half = shape.head_dim / 2;
    const auto* position = positions.const_data_ptr<std::int64_t>();
    const float* cosine = cosines.const_data_ptr<float>();
    const float* sine = sines.const_data_ptr<float>();
    constexpr std::int64_t kGrain = 64;
    at::parallel_for(0, shape.b * shape.t, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t at_position = position[i] * half;
        for (std::int64_t head = 0; head < shape.heads + 2 * shape.kv_heads; ++head) {
          visit(i / shape.t, i % shape.t, head, cosine + at_position, sine + at_position);
        }
      }
    });
  }

  static void move(const float* from, float* to, const Shape& shape, std::int64_t head,
                   const float* cosine, const float* sine, float direction) {
    if (head < shape.heads + shape.kv_heads) {
      turn_head(from, to, cosine, sine, shape.head_dim / 2, direction);
    } else {
      std::copy(from, from + shape.head_dim, to);
    }
  }
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> split_heads_rotary(const at::Tensor& qkv,
                                                                  const at::Tensor& position_bt,
                                                                  const RotaryTables& tables,
                                                                  std::int64_t num_heads,
                                                                  std::int64_t num_kv_heads) {
  TPT_CHECK(qkv.is_cpu(), "loops over rows are for the host's memory");
  auto parts = SplitHeadsRotary::apply(qkv, position_bt, tables.cosines, tables.sines, num_heads,
                                       num_kv_heads);
  return {parts[0], parts[1], parts[2]};
}

}  // namespace tpt::model
