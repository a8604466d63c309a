// Adds up the gradients of all processes in buckets, each as soon as the backward pass has
// completed it.
#pragma once

#include "model/transformer.h"
#include "train/flat_layout.h"
#include "train/ranks.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace tpt::train {

class GradientSum {
 public:
  // `parameters` are those of the layout, with gradients that are views of `gradients`. Keeps
  // references to layout and ranks.
  GradientSum(const model::NamedTensors& parameters, const FlatLayout& layout,
              const at::Tensor& gradients, Ranks& ranks);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // The next backward pass is the last of the step, and reaches each parameter at most once: a
  // bucket is begun when it has reached all of its parameters.
  void expect_last_pass();
  // Begins what was not begun; Ranks::wait() waits for all of it. Where the layout is sharded, a
  // process then has sums for the elements that it steps, and something else elsewhere.
  void begin_rest();

 private:
  struct State;
  struct Hook;
  std::shared_ptr<State> state_;  // the parameters' hooks hold it too
};

}  // namespace tpt::train
