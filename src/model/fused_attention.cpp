#include "base/error.h"
#include "model/attention_rows.h"
#include "model/fused_ops.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Where the rows of the heads stand: [b, heads, t, n] for queries, keys and values, [b, t, heads n]
// for what comes out.
struct Heads {
  std::int64_t heads, t, n;

  ConstHeadRows across(const at::Tensor& x, std::int64_t b, std::int64_t head) const {
    return {x.const_data_ptr<float>() + (b * x.size(1) + head) * t * n, n};
  }
  HeadRows across_mutable(const at::Tensor& x, std::int64_t b, std::int64_t head) const {
    return {x.mutable_data_ptr<float>() + (b * x.size(1) + head) * t * n, n};
  }
  ConstHeadRows joined(const at::Tensor& x, std::int64_t b, std::int64_t head) const {
    return {x.const_data_ptr<float>() + b * t * heads * n + head * n, heads * n};
  }
  HeadRows joined_mutable(const at::Tensor& x, std::int64_t b, std::int64_t head) const {
    return {x.mutable_data_ptr<float>() + b * t * heads * n + head * n, heads * n};
  }
};

const std::int64_t* first_of_row(const at::Tensor& first_bt, std::int64_t b) {
  return first_bt.defined() ? first_bt.const_data_ptr<std::int64_t>() + b * first_bt.size(1)
                            : nullptr;
}

// Calls visit(attention, b, key head, query head) for each query head; those that share a key head
// follow each other on one thread.
template <typename Visit>
void for_each_head(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                   const Heads& shape, HeadAttention::Direction direction, Visit&& visit) {
  const std::int64_t kv_heads = key.size(1);
  const std::int64_t share = shape.heads / kv_heads;
  at::parallel_for(0, query.size(0) * kv_heads, 1, [&](std::int64_t begin, std::int64_t end) {
    HeadAttention attention(shape.t, shape.n);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t b = i / kv_heads;
      const std::int64_t kv_head = i % kv_heads;
      attention.set_keys_values(shape.across(key, b, kv_head), shape.across(value, b, kv_head),
                                direction);
      for (std::int64_t head = kv_head * share; head < (kv_head + 1) * share; ++head) {
        visit(attention, b, kv_head, head);
      }
    }
  });
}

class CausalAttention : public torch::autograd::Function<CausalAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& query_bhtn,
                            const at::Tensor& key_bktn, const at::Tensor& value_bktn,
                            const std::optional<at::Tensor>& first) {
    const at::Tensor first_bt = first.value_or(at::Tensor());
    const at::Tensor query = query_bhtn.contiguous();
    const at::Tensor key = key_bktn.contiguous();
    const at::Tensor value = value_bktn.contiguous();
    const Heads shape{query.size(1), query.size(2), query.size(3)};
    const at::Tensor out =
        at::empty({query.size(0), shape.t, shape.heads * shape.n}, query.options());
    const at::Tensor lse = at::empty({query.size(0), shape.heads, shape.t}, query.options());
    for_each_head(query, key, value, shape, HeadAttention::Direction::forward,
                  [&](HeadAttention& attention, std::int64_t b, std::int64_t, std::int64_t head) {
                    attention.forward(
                        shape.across(query, b, head), first_of_row(first_bt, b),
                        shape.joined_mutable(out, b, head),
                        lse.mutable_data_ptr<float>() + (b * shape.heads + head) * shape.t);
                  });
    context->save_for_backward({query, key, value, out, lse, first_bt});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& query = saved[0];
    const at::Tensor& out = saved[3];
    const at::Tensor& lse = saved[4];
    const at::Tensor grad = grads[0].contiguous();
    const Heads shape{query.size(1), query.size(2), query.size(3)};
    const at::Tensor grad_query = at::empty_like(query);
    const at::Tensor grad_key = at::zeros_like(saved[1]);
    const at::Tensor grad_value = at::zeros_like(saved[2]);
    for_each_head(
        query, saved[1], saved[2], shape, HeadAttention::Direction::backward,
        [&](HeadAttention& attention, std::int64_t b, std::int64_t kv_head, std::int64_t head) {
          attention.backward(shape.across(query, b, head), first_of_row(saved[5], b),
                             shape.joined(out, b, head),
                             lse.const_data_ptr<float>() + (b * shape.heads + head) * shape.t,
                             shape.joined(grad, b, head), shape.across_mutable(grad_query, b, head),
                             shape.across_mutable(grad_key, b, kv_head),
                             shape.across_mutable(grad_value, b, kv_head));
        });
    return {grad_query, grad_key, grad_value, at::Tensor()};
  }
};

}  // namespace

at::Tensor causal_attention(const at::Tensor& query_bhtn, const at::Tensor& key_bktn,
                            const at::Tensor& value_bktn, const at::Tensor& first_bt) {
  TPT_CHECK(query_bhtn.is_cpu(), "loops over rows are for the host's memory");
  TPT_CHECK(query_bhtn.size(1) % key_bktn.size(1) == 0, "{} query heads, {} key heads",
            query_bhtn.size(1), key_bktn.size(1));
  std::optional<at::Tensor> first;
  if (first_bt.defined()) first = first_bt.contiguous();
  return CausalAttention::apply(query_bhtn, key_bktn, value_bktn, first);
}

}  // namespace tpt::model
