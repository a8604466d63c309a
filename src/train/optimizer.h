// AdamW, or Muon for the matrices inside the network and AdamW for the rest, over flat buffers: the
// numbers of torch.optim, at a cost that does not grow with the count of tensors. Whether a step is
// clipped or left out is decided by tensors on the device; the host waits for nothing.
#pragma once

#include "model/transformer.h"
#include "train/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tpt::train {

class Optimizer {
 public:
  // Moves the parameters' storage into one buffer on the device of the run and gives each a
  // gradient that is a view of a second one. The tensors stay the same objects.
  Optimizer(const model::NamedTensors& parameters, const Config& config);

  void zero_gradients();
  // All gradients as one buffer [n]: what processes would add up after the backward pass.
  const at::Tensor& gradients() const { return gradients_; }
  // The norm of all gradients together, fp32 [].
  at::Tensor gradient_norm() const;
  // One update by the gradients, scaled down to config.clip where `norm` is larger, as
  // torch.nn.utils.clip_grad_norm_ does. `skip` (fp32 []) of 1 leaves everything as it is, whatever
  // the gradients hold; else 0. The gradients are used up.
  void step(double learning_rate, const at::Tensor& norm, const at::Tensor& skip);

  // Views of what a state holds: the weights by name; moments, average and the count of steps.
  model::NamedTensors weights() const;
  model::NamedTensors tensors() const;

  // The exponential moving average of the weights (config.ema_decay), by name; empty without.
  model::NamedTensors average() const;
  // Puts the average in the place of the weights, and back again at the second call.
  void exchange_average();

 private:
  // A parameter's part of each buffer: matrices for Muon first, then what has weight decay, then
  // the others.
  struct Part {
    std::string name;
    std::int64_t from = 0;
    std::vector<std::int64_t> shape;
  };

  void step_matrices(double learning_rate, const at::Tensor& scale, const at::Tensor& skip);
  void step_adamw(std::int64_t from, std::int64_t to, double learning_rate, double decay,
                  const at::Tensor& scale, const at::Tensor& skip);
  void append_views(const at::Tensor& buffer, const std::string& prefix, std::int64_t first,
                    model::NamedTensors& views) const;

  Config config_;
  std::vector<Part> parts_;
  std::int64_t matrices_ = 0;     // elements of the parts that Muon steps
  std::int64_t decayed_end_ = 0;  // of the elements with weight decay
  at::Tensor weights_, gradients_, moments1_;
  at::Tensor moments2_;  // of what AdamW steps: element i belongs to weight matrices_ + i
  at::Tensor average_;   // undefined without ema_decay
  at::Tensor steps_;     // that were not left out, fp32 []
};

}  // namespace tpt::train
