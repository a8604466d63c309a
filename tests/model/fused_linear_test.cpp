// Linear maps with what stands around them, against plain formulas, and where gradients of weights
// are added.
#include "model/fused_linear.h"

#include "against_formula.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

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

// What an optimizer has: gradients that are views of one buffer.
class GradientsInPlace : public testing::Test {
 protected:
  GradientsInPlace() {
    at::manual_seed(10);
    buffer_ = at::full({2 * 8 * 6}, 0.5);
    for (const std::int64_t i : {0, 1}) {
      weights_.push_back(leaf({8, 6}));
      weights_.back().mutable_grad() = buffer_.narrow(0, i * 48, 48).view({8, 6});
    }
    x_ = leaf({5, 6});
  }

  at::Tensor expected() const {
    const at::Tensor each = at::ones({8, 1}).mm(x_.detach().sum(0, true)) + 0.5;
    return at::cat({each, each}).flatten();
  }

  void run() { joined_linear(x_, weights_[0], weights_[1]).sum().backward(); }

  at::Tensor buffer_, x_;
  std::vector<at::Tensor> weights_;
};

TEST_F(GradientsInPlace, AreAddedWhereTheyStand) {
  run();
  EXPECT_TRUE(at::allclose(buffer_, expected()));
  run();
  EXPECT_TRUE(at::allclose(buffer_, 2 * expected() - 0.5));
  EXPECT_EQ(weights_[1].grad().const_data_ptr<float>(), buffer_.const_data_ptr<float>() + 48);
}

struct CountingHook : torch::autograd::PostAccumulateGradHook {
  explicit CountingHook(int& count_in) : count(count_in) {}
  void operator()(const at::Tensor& /*tensor*/) override { ++count; }
  int& count;
};

// Processes begin to add gradients up when torch has added them: it must be told of all.
TEST_F(GradientsInPlace, AreLeftToTorchWhereSomethingWaitsForThem) {
  int calls = 0;
  for (const at::Tensor& weight : weights_) {
    torch::autograd::impl::set_post_acc_grad_hooks(weight, std::make_unique<CountingHook>(calls));
  }
  run();
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(at::allclose(buffer_, expected()));
}

}  // namespace
}  // namespace tpt::model
