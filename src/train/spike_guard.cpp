#include "train/spike_guard.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

namespace tpt::train {

SpikeGuard::SpikeGuard(const Config& config, const at::Tensor& like)
    : sigmas_(config.spike_sigmas), window_(config.spike_window) {
  const auto options = like.options().dtype(at::kFloat).requires_grad(false);
  losses_ = at::zeros({window_}, options);
  norms_ = at::zeros({window_}, options);
  count_ = at::zeros({}, options);
}

// Mean and deviation over what the ring holds so far, in double.
at::Tensor SpikeGuard::stands_out(const at::Tensor& window, const at::Tensor& value) const {
  const at::Tensor held = at::arange(window_, window.options()).lt(count_).to(at::kDouble);
  const at::Tensor values = window.to(at::kDouble);
  const at::Tensor many = held.sum().clamp_min(1.0);
  const at::Tensor mean = (values * held).sum() / many;
  const at::Tensor deviation = (((values - mean) * held).square().sum() / many).sqrt();
  const at::Tensor enough = count_.ge(static_cast<double>((window_ + 1) / 2));
  return value.to(at::kDouble).gt(mean + deviation * sigmas_).logical_and(enough);
}

at::Tensor SpikeGuard::judge(const at::Tensor& loss, const at::Tensor& norm) {
  const at::NoGradGuard no_gradients;
  at::Tensor bad = loss.isfinite().logical_and(norm.isfinite()).logical_not();
  if (sigmas_ > 0.0) {
    bad = bad.logical_or(stands_out(losses_, loss)).logical_or(stands_out(norms_, norm));
    const at::Tensor slot = count_.remainder(window_).to(at::kLong).unsqueeze(0);
    for (const auto& [ring, value] : {std::pair(losses_, loss), std::pair(norms_, norm)}) {
      const at::Tensor old = ring.index_select(0, slot);
      ring.index_copy_(0, slot, at::where(bad, old, value.to(at::kFloat).unsqueeze(0)));
    }
  }
  const at::Tensor skip = bad.to(at::kFloat);
  count_.add_(1.0 - skip);
  return skip;
}

model::NamedTensors SpikeGuard::tensors() const {
  return {{"guard.losses", losses_}, {"guard.norms", norms_}, {"guard.count", count_}};
}

}  // namespace tpt::train
