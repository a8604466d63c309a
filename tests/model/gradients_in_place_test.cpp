// Gradients that are added where they stand, against those that torch adds.
#include "against_formula.h"
#include "model/fused_linear.h"
#include "model/fused_ops.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>

namespace tpt::model {
namespace {

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

// The gradients of a weight by `run`, from nothing and on top of others.
void expect_same_in_place(const at::Tensor& weight, const std::function<void()>& run) {
  weight.mutable_grad() = at::Tensor();
  run();
  const at::Tensor by_torch = weight.grad().clone();
  weight.mutable_grad() = at::full_like(by_torch, 0.25);
  const void* place = weight.grad().const_data_ptr();
  run();
  EXPECT_TRUE(at::allclose(weight.grad(), by_torch + 0.25, 1e-5, 1e-6));
  EXPECT_EQ(weight.grad().const_data_ptr(), place);
}

TEST(GradientsOfTheHead, AreTheSameInPlace) {
  at::manual_seed(13);
  for (const auto& [n, v] : {std::pair<std::int64_t, std::int64_t>{40, 272}, {300, 70000}}) {
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const at::Tensor hidden = leaf({n, 12}), weight = leaf({v, 12});
      const at::Tensor targets = at::randint(v, {n}, at::kLong), coefficients = at::rand({n});
      at::Tensor grad_hidden, losses;
      expect_same_in_place(weight, [&] {
        hidden.mutable_grad() = at::Tensor();
        const at::Tensor now =
            backward_weighted_loss(2.0 * hidden, weight, targets, coefficients, precision);
        if (losses.defined()) {
          EXPECT_TRUE(at::equal(now, losses));
          EXPECT_TRUE(at::allclose(hidden.grad(), grad_hidden, 1e-5, 1e-7));
        }
        losses = now;
        grad_hidden = hidden.grad();
      });
      EXPECT_GT(grad_hidden.abs().max().item<float>(), 0.0F);
    }
  }
}

TEST(GradientsOfAnEmbedding, AreTheSameInPlace) {
  at::manual_seed(14);
  const at::Tensor weight = leaf({50, 7});
  const at::Tensor ids = at::randint(50, {4, 30}, at::kLong), weighting = at::randn({4, 30, 7});
  EXPECT_TRUE(at::equal(embed(weight, ids), at::embedding(weight, ids)));
  expect_same_in_place(weight, [&] { (embed(weight, ids) * weighting).sum().backward(); });
  EXPECT_THROW(embed(weight, at::tensor({std::int64_t{50}})), std::exception);
}

}  // namespace
}  // namespace tpt::model
