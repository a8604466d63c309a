// AdamW over one flat buffer: the same numbers as torch.optim.AdamW, at a cost that does not grow
// with the count of tensors.
#pragma once

#include "model/transformer.h"
#include "train/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

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

  // Views of what a state holds: the weights by name; the moments and the count of steps.
  model::NamedTensors weights() const;
  model::NamedTensors tensors() const;

 private:
  // A parameter's part of each buffer.
  struct Part {
    std::string name;
    std::int64_t from = 0;
    std::vector<std::int64_t> shape;
  };

  void step_part(std::int64_t from, std::int64_t count, double learning_rate, double decay);
  void append_views(const at::Tensor& buffer, const std::string& prefix,
                    model::NamedTensors& views) const;

  Config config_;
  std::vector<Part> parts_;
  std::int64_t decayed_ = 0;  // how many of the first elements have weight decay
  at::Tensor weights_, gradients_, moments1_, moments2_;
  at::Tensor steps_;  // fp32 []
};

}  // namespace tpt::train
