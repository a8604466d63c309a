#include "base/error.h"
#include "base/log.h"
#include "model/device_ops.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <string>
#include <string_view>

namespace tpt::model {
namespace {

at::Tensor flash(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                 const at::Tensor& starts, std::int64_t longest) {
  return std::get<0>(at::_flash_attention_forward(query, key, value, starts, starts, longest,
                                                  longest, /*dropout_p=*/0.0, /*is_causal=*/true,
                                                  /*return_debug_mask=*/false));
}

// Whether this libtorch was built with flash attention and the GPU can run it: two small documents
// there and back, once a process.
bool has_flash(at::Device device) {
  static const bool works = [&] {
    const c10::InferenceMode ordinary(false);
    try {
      const auto options = at::TensorOptions().device(device).dtype(at::kBFloat16);
      const at::Tensor query = at::ones({6, 2, 64}, options).set_requires_grad(true);
      const at::Tensor key = at::ones({6, 1, 64}, options);
      const at::Tensor starts = at::tensor({0, 2, 6}).to(at::kInt).to(device);
      const at::AutoGradMode with_gradients(true);
      flash(query, key, key, starts, 4).sum().backward();
      return query.grad().isfinite().all().item<bool>();
    } catch (const c10::Error& problem) {
      const std::string_view text = problem.what_without_backtrace();
      log_warning("attention: no flash attention here ({}); slower kernels take its place",
                  text.substr(0, text.find('\n')));
      return false;
    }
  }();
  return works;
}

// It takes heads of a multiple of 8 floats, up to 256.
bool fits_flash(const at::Tensor& query) {
  return query.is_cuda() && query.scalar_type() == at::kBFloat16 && query.size(2) % 8 == 0 &&
         query.size(2) <= 256;
}

at::Tensor by_document(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                       const Spans& spans) {
  const std::int64_t share = query.size(1) / key.size(1);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i + 1 < spans.on_host.size(); ++i) {
    const std::int64_t start = spans.on_host[i], length = spans.on_host[i + 1] - start;
    const auto heads_first = [&](const at::Tensor& x, std::int64_t times) {
      const at::Tensor part = x.narrow(0, start, length).transpose(0, 1);
      return (times == 1 ? part : part.repeat_interleave(times, 0)).unsqueeze(0);
    };
    parts.push_back(at::scaled_dot_product_attention(heads_first(query, 1), heads_first(key, share),
                                                     heads_first(value, share), {}, 0.0,
                                                     /*is_causal=*/true)
                        .squeeze(0)
                        .transpose(0, 1));
  }
  return at::cat(parts);
}

}  // namespace

at::Tensor device_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                            const Spans& spans) {
  TPT_CHECK(query.size(1) % key.size(1) == 0, "{} query heads, {} key heads", query.size(1),
            key.size(1));
  if (fits_flash(query) && has_flash(query.device())) {
    return flash(query, key, value, spans.starts, spans.longest).flatten(1);
  }
  return by_document(query, key, value, spans).flatten(1);
}

}  // namespace tpt::model
