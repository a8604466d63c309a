#include "model/device_ops.h"

#include "base/error.h"
#include "model/gpu_kernels.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <optional>

namespace tpt::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Where a tensor's kernels are queued.
class Queue {
 public:
  explicit Queue(const at::Tensor& x) : is_on_host_(x.is_cpu()) {
    if (!is_on_host_) {
      device_.reset_device(x.device());
      stream_ = c10::impl::VirtualGuardImpl(x.device().type()).getStream(x.device());
    }
  }
  const GpuKernels& kernels() const {
    if (is_on_host_) return host_kernels();
    TPT_CHECK(gpu_kernels() != nullptr, "a GPU in a program without CUDA");
    return *gpu_kernels();
  }
  void* stream() const { return is_on_host_ ? nullptr : stream_->native_handle(); }

 private:
  bool is_on_host_;
  c10::OptionalDeviceGuard device_;
  std::optional<c10::Stream> stream_;
};

Element element_of(const at::Tensor& x) {
  TPT_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, "{}",
            c10::toString(x.scalar_type()));
  return x.scalar_type() == at::kFloat ? Element::fp32 : Element::bf16;
}

// Keeps gate and up alone; torch's own graph would keep silu(gate) too.
class SwiGlu : public torch::autograd::Function<SwiGlu> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input) {
    const at::Tensor gate_up = input.contiguous();
    auto sizes = gate_up.sizes().vec();
    sizes.back() /= 2;
    const at::Tensor out = at::empty(sizes, gate_up.options());
    const Queue queue(gate_up);
    queue.kernels().gate(element_of(gate_up), gate_up.const_data_ptr(), out.mutable_data_ptr(),
                         shape_of(gate_up), queue.stream());
    context->save_for_backward({gate_up});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const at::Tensor gate_up = context->get_saved_variables()[0];
    const at::Tensor grad = grads[0].contiguous();
    TPT_CHECK(grad.scalar_type() == gate_up.scalar_type(), "a gradient of another type");
    const at::Tensor out = at::empty_like(gate_up);
    const Queue queue(gate_up);
    queue.kernels().gate_backward(element_of(gate_up), grad.const_data_ptr(),
                                  gate_up.const_data_ptr(), out.mutable_data_ptr(),
                                  shape_of(gate_up), queue.stream());
    return {out};
  }

 private:
  static GateShape shape_of(const at::Tensor& gate_up) {
    const std::int64_t width = gate_up.size(-1);
    return {.rows = width == 0 ? 0 : gate_up.numel() / width, .f = width / 2};
  }
};

class SplitHeads : public torch::autograd::Function<SplitHeads> {
 public:
  static variable_list forward(AutogradContext* context, const at::Tensor& input,
                               const at::Tensor& cosines, const at::Tensor& sines,
                               std::int64_t heads, std::int64_t kv_heads) {
    const at::Tensor qkv = input.contiguous();
    const HeadShape shape{.positions = qkv.size(0),
                          .heads = heads,
                          .kv_heads = kv_heads,
                          .head_dim = qkv.size(1) / (heads + 2 * kv_heads)};
    const variable_list out = {
        at::empty({shape.positions, heads, shape.head_dim}, qkv.options()),
        at::empty({shape.positions, kv_heads, shape.head_dim}, qkv.options()),
        at::empty({shape.positions, kv_heads, shape.head_dim}, qkv.options())};
    const Queue queue(qkv);
    queue.kernels().split_heads(element_of(qkv), qkv.const_data_ptr(),
                                cosines.const_data_ptr<float>(), sines.const_data_ptr<float>(),
                                places_of(out), shape, queue.stream());
    context->save_for_backward({cosines, sines});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const auto saved = context->get_saved_variables();
    const variable_list whole = {grads[0].contiguous(), grads[1].contiguous(),
                                 grads[2].contiguous()};
    const HeadShape shape{.positions = whole[0].size(0),
                          .heads = whole[0].size(1),
                          .kv_heads = whole[1].size(1),
                          .head_dim = whole[0].size(2)};
    const at::Tensor out = at::empty(
        {shape.positions, (shape.heads + 2 * shape.kv_heads) * shape.head_dim}, whole[0].options());
    const Queue queue(out);
    queue.kernels().join_heads(element_of(out), places_of(whole), saved[0].const_data_ptr<float>(),
                               saved[1].const_data_ptr<float>(), out.mutable_data_ptr(), shape,
                               queue.stream());
    return {out, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  static HeadPlaces places_of(const variable_list& parts) {
    return {parts[0].data_ptr(), parts[1].data_ptr(), parts[2].data_ptr()};
  }
};

}  // namespace

at::Tensor moved(const at::Tensor& on_host, at::Device device) {
  if (!on_host.defined() || on_host.device() == device) return on_host;
  if (device.is_cuda()) return on_host.pin_memory().to(device, /*non_blocking=*/true);
  return on_host.to(device);
}

Spans spans_of(const at::Tensor& document_bt, std::int64_t rows, std::int64_t positions,
               at::Device device) {
  TPT_CHECK(!document_bt.defined() || document_bt.is_cpu(), "documents are told on the host");
  const at::Tensor documents = document_bt.defined() ? document_bt.contiguous() : at::Tensor();
  const auto* number = documents.defined() ? documents.const_data_ptr<std::int64_t>() : nullptr;
  Spans spans;
  at::Tensor position = at::empty({rows * positions}, at::kLong);
  auto* at = position.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < rows * positions; ++i) {
    const bool starts = i % positions == 0 || (number != nullptr && number[i] != number[i - 1]);
    if (starts) spans.on_host.push_back(i);
    at[i] = i - spans.on_host.back();
    spans.longest = std::max(spans.longest, at[i] + 1);
  }
  spans.on_host.push_back(rows * positions);
  TPT_CHECK(rows * positions < (std::int64_t{1} << 31), "{} positions in a batch",
            rows * positions);
  spans.starts = moved(at::tensor(at::ArrayRef<std::int64_t>(spans.on_host)).to(at::kInt), device);
  spans.position_N = moved(position, device);
  return spans;
}

at::Tensor device_rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon,
                           at::ScalarType type) {
  return at::rms_norm(x.to(at::kFloat), {x.size(-1)}, weight, epsilon).to(type);
}

at::Tensor device_norm_heads(const at::Tensor& qkv, const at::Tensor& query_norm,
                             const at::Tensor& key_norm, std::int64_t num_heads,
                             std::int64_t num_kv_heads, double epsilon) {
  const std::int64_t n = query_norm.size(0);
  TPT_CHECK(qkv.size(1) == (num_heads + 2 * num_kv_heads) * n && key_norm.size(0) == n,
            "heads do not fit");
  const at::Tensor heads = qkv.view({qkv.size(0), num_heads + 2 * num_kv_heads, n});
  const auto type = qkv.scalar_type();
  return at::cat(
             {device_rms_norm(heads.narrow(1, 0, num_heads), query_norm, epsilon, type),
              device_rms_norm(heads.narrow(1, num_heads, num_kv_heads), key_norm, epsilon, type),
              heads.narrow(1, num_heads + num_kv_heads, num_kv_heads)},
             1)
      .flatten(1);
}

at::Tensor device_swiglu(const at::Tensor& gate_up) { return SwiGlu::apply(gate_up); }

RotaryTables rotary_of(const RotaryTables& tables, const at::Tensor& position_N) {
  return {tables.cosines.index_select(0, position_N), tables.sines.index_select(0, position_N)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> device_split_heads_rotary(
    const at::Tensor& qkv, const RotaryTables& rotary, std::int64_t num_heads,
    std::int64_t num_kv_heads) {
  auto parts = SplitHeads::apply(qkv, rotary.cosines, rotary.sines, num_heads, num_kv_heads);
  return {parts[0], parts[1], parts[2]};
}

}  // namespace tpt::model
