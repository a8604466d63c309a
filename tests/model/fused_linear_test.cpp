// Linear maps with what stands around them, against plain formulas.
#include "model/fused_linear.h"

#include "against_formula.h"

namespace tpt::model {
namespace {

// Parts that stand apart, and parts of one buffer with a gap or without.
TEST(FusedLinear, JoinsItsParts) {
  at::manual_seed(7);
  const auto plain = [](const Inputs& in) {
    return at::linear(in[0], at::cat({in[1], in[2], in[3]}), in[4]);
  };
  const auto fused = [](const Inputs& in) {
    return joined_linear(in[0], in[1], in[2], in[3], in[4]);
  };
  const at::Tensor x = at::randn({2, 9, 12}), bias = at::randn({11});
  for (const std::int64_t gap : {0, 5}) {
    const at::Tensor buffer = at::randn({200});
    std::int64_t place = 3;
    Inputs in{x.clone().set_requires_grad(true)};
    for (const std::int64_t rows : {6, 3, 2}) {
      in.push_back(buffer.narrow(0, place, rows * 12).view({rows, 12}).detach());
      in.back().set_requires_grad(true);
      place += rows * 12 + gap;
    }
    in.push_back(bias.clone().set_requires_grad(true));
    expect_same(fused, plain, in);
  }
  expect_same(fused, plain,
              {leaf({4, 12}), leaf({6, 12}), leaf({3, 12}), leaf({2, 12}), leaf({11})});
  expect_same([](const Inputs& in) { return joined_linear(in[0], in[1], in[2]); },
              [](const Inputs& in) { return at::linear(in[0], at::cat({in[1], in[2]})); },
              {leaf({4, 12}), leaf({6, 12}), leaf({3, 12})});
}

TEST(FusedLinear, AddsToTheResidual) {
  at::manual_seed(8);
  expect_same([](const Inputs& in) { return add_linear(in[0], in[1], in[2]); },
              [](const Inputs& in) { return in[0] + at::linear(in[1], in[2]); },
              {leaf({2, 50, 7}), leaf({2, 50, 12}), leaf({7, 12})});
}

TEST(FusedLinear, IsAGatedMlpWithItsNorm) {
  at::manual_seed(9);
  const auto plain = [](const Inputs& in) {
    const at::Tensor y = in[0] * (in[0].square().mean(-1, true) + 1e-5).rsqrt() * in[1];
    return in[0] + at::linear(at::silu(at::linear(y, in[2])) * at::linear(y, in[3]), in[4]);
  };
  const auto fused = [](const Inputs& in) {
    return add_gated_mlp(in[0], in[1], 1e-5, in[2], in[3], in[4]);
  };
  expect_same(fused, plain,
              {leaf({3, 400, 24}), leaf({24}), leaf({44, 24}), leaf({44, 24}), leaf({24, 44})});
  // One position, and an input that does not stand in order.
  expect_same(fused, plain,
              {leaf({1, 1, 24}), leaf({24}), leaf({44, 24}), leaf({44, 24}), leaf({24, 44})});
  const at::Tensor turned = at::randn({24, 10}).t().set_requires_grad(true);
  expect_same(fused, plain, {turned, leaf({24}), leaf({8, 24}), leaf({8, 24}), leaf({24, 8})});
}

}  // namespace
}  // namespace tpt::model
