#include "model/transformer.h"

#include "base/error.h"
#include "model/model_scorer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tpt::model {
namespace {

Config small_config() {
  Config config;
  config.hidden_size = 32;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.max_positions = 128;
  config.init_std = 0.3;
  return resolved(config, 260);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

TEST(TransformerTest, DocumentsOfARowDoNotSeeEachOther) {
  const c10::NoGradGuard no_grad;
  const Transformer network(small_config(), 3);
  at::manual_seed(1);
  const at::Tensor ids = at::randint(260, {2, 30}, at::kLong);
  const std::vector<std::int64_t> lengths = {11, 1, 18};
  at::Tensor documents = at::empty({2, 30}, at::kLong);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    documents.narrow(1, first, lengths[i]).fill_(static_cast<std::int64_t>(i));
    first += lengths[i];
  }
  const at::Tensor joined = network.forward(ids, Precision::fp32, documents);
  first = 0;
  for (const std::int64_t length : lengths) {
    const at::Tensor apart = network.forward(ids.narrow(1, first, length), Precision::fp32);
    EXPECT_LT(difference(joined.narrow(1, first, length), apart), 1e-5);
    first += length;
  }
  EXPECT_GT(difference(network.forward(ids, Precision::fp32), joined), 1e-2);
  const at::Tensor one = network.forward(ids, Precision::fp32, at::zeros_like(ids));
  EXPECT_LT(difference(one, network.forward(ids, Precision::fp32)), 1e-5);
}

TEST(TransformerTest, LaterTokensChangeNothingBefore) {
  const c10::NoGradGuard no_grad;
  const Transformer network(small_config(), 3);
  const at::Tensor ids = at::arange(40).reshape({1, 40});
  at::Tensor changed = ids.clone();
  changed.narrow(1, 25, 15).fill_(7);
  EXPECT_LT(difference(network.forward(changed, Precision::fp32).narrow(1, 0, 25),
                       network.forward(ids, Precision::fp32).narrow(1, 0, 25)),
            1e-6);
}

TEST(TransformerTest, Bf16IsCloseToFp32) {
  const Transformer network(small_config(), 3);
  const at::Tensor ids = at::arange(60).reshape({2, 30});
  const at::Tensor exact = network.forward(ids, Precision::fp32);
  const at::Tensor rough = network.forward(ids, Precision::bf16);
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_LT((rough - exact).norm().item<double>() / exact.norm().item<double>(), 0.03);
  EXPECT_GT(difference(rough, exact), 0);
  network.token_losses(rough.flatten(0, 1), ids.flatten(), Precision::bf16).mean().backward();
  for (const auto& [name, parameter] : network.parameters()) {
    EXPECT_TRUE(parameter.grad().defined()) << name;
  }
}

TEST(TransformerTest, SeedsMakeTheWeights) {
  const Transformer one(small_config(), 3);
  const Transformer same(small_config(), 3);
  const Transformer other(small_config(), 4);
  for (std::size_t i = 0; i < one.parameters().size(); ++i) {
    const auto& [name, tensor] = one.parameters()[i];
    EXPECT_TRUE(at::equal(tensor, same.parameters()[i].second));
    if (tensor.dim() == 2) {
      EXPECT_FALSE(at::equal(tensor, other.parameters()[i].second)) << name;
    }
  }
  std::int64_t weights = 0;
  for (const auto& [name, tensor] : one.parameters()) weights += tensor.numel();
  EXPECT_EQ(weights, num_parameters(one.config()));
}

TEST(TransformerTest, RefusesMorePositionsThanItHas) {
  const Transformer network(small_config(), 3);
  EXPECT_THROW(network.forward(at::zeros({1, 129}, at::kLong), Precision::fp32), Error);
  EXPECT_NO_THROW(network.forward(at::zeros({1, 128}, at::kLong), Precision::fp32));
}

TEST(TransformerTest, ForwardWithoutGradientsFirstLeavesTrainingPossible) {
  const Transformer network(small_config(), 3);
  const at::Tensor ids = at::arange(20).reshape({1, 20});
  {
    const c10::InferenceMode inference;
    network.forward(ids, Precision::fp32);
  }
  EXPECT_NO_THROW(network.forward(ids, Precision::fp32).sum().backward());
}

TEST(ModelScorerTest, IsTheLogProbabilityOfTheContinuation) {
  const auto network = std::make_shared<const Transformer>(small_config(), 3);
  ModelScorer scorer(network, tokenize::load_tokenizer("bytes"), Precision::fp32);
  const engine::TextScore score = scorer.score("7-3=", "4.");
  const c10::NoGradGuard no_grad;
  const std::string text = "7-3=4.";
  double wanted = 0;
  for (std::size_t i = 4; i < text.size(); ++i) {
    std::vector<std::int64_t> before(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i));
    const at::Tensor hidden = network->forward(at::tensor(before).unsqueeze(0), Precision::fp32);
    const at::Tensor chances =
        at::log_softmax(network->logits(hidden[0][-1], Precision::fp32).to(at::kDouble), 0);
    wanted += chances[static_cast<std::int64_t>(text[i])].item<double>();
  }
  EXPECT_NEAR(score.log_probability, wanted, 1e-4);
  EXPECT_EQ(score.tokens, 2);
  EXPECT_EQ(score.bytes, 2);
  EXPECT_EQ(scorer.score("", "abc").tokens, 2);
  EXPECT_EQ(scorer.score("abc", "").tokens, 0);
  EXPECT_THROW(scorer.score("", std::string(200, 'x')), Error);
}

}  // namespace
}  // namespace tpt::model
