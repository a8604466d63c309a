// AdamW over one flat buffer: the same numbers as torch.optim.AdamW, at a cost that does not grow
// with the count of tensors.
#pragma once

#include "model/transformer.h"
#include "train/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace tpt::train {

class AdamW {
 public:
  // Moves the parameters' storage into one buffer (first those with weight decay, then the others)
  // and gives each a gradient that is a view of a second one. The tensors stay the same objects.
  AdamW(const model::NamedTensors& parameters, const Config& config);

  void zero_gradients();
  // The norm of all gradients together; scales them down to config.clip where it is larger, as
  // torch.nn.utils.clip_grad_norm_ does.
  double clip_gradients();
  void step(double learning_rate);

  std::int64_t steps() const { return steps_; }
  // What a state file holds: weights, first and second moments, fp32 [n] in the same order.
  const at::Tensor& weights() const { return weights_; }
  const at::Tensor& moments1() const { return moments1_; }
  const at::Tensor& moments2() const { return moments2_; }
  void restore(const at::Tensor& weights, const at::Tensor& moments1, const at::Tensor& moments2,
               std::int64_t steps);

 private:
  void step_part(std::int64_t from, std::int64_t count, double learning_rate, double decay);

  Config config_;
  std::int64_t decayed_ = 0;  // how many of the first elements have weight decay
  std::int64_t steps_ = 0;
  at::Tensor weights_, gradients_, moments1_, moments2_;
};

}  // namespace tpt::train
