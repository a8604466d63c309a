// Whether a step is to be left out: its loss or its gradient is not finite, or stands out from the
// steps before. Decided by tensors on the device; the host need not wait.
#pragma once

#include "model/transformer.h"
#include "train/config.h"

#include <ATen/core/Tensor.h>

namespace tpt::train {

class SpikeGuard {
 public:
  // Keeps losses and norms of the last config.spike_window steps on the device of `like`.
  SpikeGuard(const Config& config, const at::Tensor& like);

  // fp32 []: 1 where loss or norm (each []) is not finite, or, with config.spike_sigmas, larger
  // than the mean of the window by more than so many standard deviations; else 0, and the step
  // enters the window. The first half of a window is never compared.
  at::Tensor judge(const at::Tensor& loss, const at::Tensor& norm);

  // Views of what a state holds.
  model::NamedTensors tensors() const;

 private:
  at::Tensor stands_out(const at::Tensor& window, const at::Tensor& value) const;

  double sigmas_;
  std::int64_t window_;
  at::Tensor losses_, norms_;  // fp32 [window], a ring
  at::Tensor count_;           // fp32 []: of steps that entered
};

}  // namespace tpt::train
