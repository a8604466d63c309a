// A fused operation against the formula it stands for.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace tpt::model {

using Inputs = std::vector<at::Tensor>;
using Operation = std::function<at::Tensor(const Inputs&)>;

inline at::Tensor leaf(at::IntArrayRef shape, double scale = 1.0) {
  return (at::randn(shape) * scale).set_requires_grad(true);
}

// Values and the gradients of all inputs, for a random weighting of the outputs.
inline void expect_same(const Operation& fused, const Operation& plain, const Inputs& inputs,
                        double tolerance = 1e-4) {
  const at::Tensor got = fused(inputs);
  const at::Tensor weighting = at::randn_like(got);
  (got * weighting).sum().backward();
  Inputs copies;
  for (const at::Tensor& input : inputs) {
    copies.push_back(input.detach().to(at::kDouble).set_requires_grad(true));
  }
  const at::Tensor wanted = plain(copies);
  (wanted * weighting.to(at::kDouble)).sum().backward();
  const auto difference = [](const at::Tensor& a, const at::Tensor& b) {
    return ((a.to(at::kDouble) - b).abs().max() / b.abs().max().clamp_min(1e-9)).item<double>();
  };
  EXPECT_LT(difference(got, wanted), tolerance);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_LT(difference(inputs[i].grad(), copies[i].grad()), tolerance) << "input " << i;
  }
}

}  // namespace tpt::model
