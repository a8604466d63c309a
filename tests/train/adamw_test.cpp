#include "train/adamw.h"

#include "base/random.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

namespace tpt::train {
namespace {

std::vector<float> random_values(std::int64_t count, std::uint64_t seed, double scale) {
  Random random(seed);
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>((random.uniform() - 0.5) * scale));
  }
  return values;
}

at::Tensor tensor_of(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::tensor(values).view(shape).clone();
}

Json json_of(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().contiguous();
  if (flat.dim() == 1) {
    return Json(std::vector<float>(flat.const_data_ptr<float>(),
                                   flat.const_data_ptr<float>() + flat.numel()));
  }
  Json rows = Json::array();
  for (std::int64_t i = 0; i < flat.size(0); ++i) {
    rows.push_back(json_of(flat.select(0, i)));
  }
  return rows;
}

model::NamedTensors three_parameters() {
  model::NamedTensors parameters;
  parameters.emplace_back("model.embed_tokens.weight",
                          tensor_of(random_values(33, 1, 0.1), {11, 3}).set_requires_grad(true));
  parameters.emplace_back("model.layers.0.self_attn.q_proj.weight",
                          tensor_of(random_values(35, 2, 0.1), {5, 7}).set_requires_grad(true));
  parameters.emplace_back("model.norm.weight",
                          tensor_of(random_values(6, 3, 2.0), {6}).set_requires_grad(true));
  return parameters;
}

void copy_tensors(const model::NamedTensors& from, const model::NamedTensors& to) {
  ASSERT_EQ(from.size(), to.size());
  const at::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].first, to[i].first);
    const at::Tensor place = to[i].second;
    place.copy_(from[i].second);
  }
}

TEST(AdamW, GivesTheParametersOfTorch) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  Config config;
  config.clip = 0.7;
  config.weight_decay = 0.3;
  const model::NamedTensors parameters = three_parameters();
  Json job = {{"decayed", {parameters[1].first}},
              {"weight_decay", config.weight_decay},
              {"beta1", config.beta1},
              {"beta2", config.beta2},
              {"epsilon", config.epsilon},
              {"clip", config.clip}};
  for (const auto& [name, parameter] : parameters) {
    job["parameters"][name] = json_of(parameter);
  }
  AdamW optimizer(parameters, config);
  std::vector<double> norms;
  for (std::uint64_t step = 0; step < 30; ++step) {
    // Large and small gradients: some steps are clipped, others are not.
    const double scale = step % 3 == 0 ? 5.0 : 1e-3;
    const double rate = 1e-2 / static_cast<double>(1 + step);
    optimizer.zero_gradients();
    Json gradients;
    for (const auto& [name, parameter] : parameters) {
      const auto values = random_values(parameter.numel(), 100 + step, scale);
      parameter.mutable_grad().copy_(tensor_of(values, parameter.sizes()));
      gradients[name] = json_of(parameter.grad());
    }
    job["rates"].push_back(rate);
    job["gradients"].push_back(gradients);
    norms.push_back(optimizer.clip_gradients());
    optimizer.step(rate);
  }
  const Json theirs = ask_oracle("adamw", job, folder.path());
  for (std::size_t step = 0; step < norms.size(); ++step) {
    EXPECT_NEAR(norms[step], theirs["norms"][step].get<double>(), 1e-6 * norms[step]);
  }
  for (const auto& [name, parameter] : parameters) {
    std::vector<float> values;
    for (const Json& one : theirs["parameters"][name].flatten()) {
      values.push_back(one.get<float>());
    }
    const at::Tensor expected = tensor_of(values, parameter.sizes());
    EXPECT_LE((parameter - expected).abs().max().item<double>(),
              1e-6 * expected.abs().max().item<double>())
        << name;
  }
}

TEST(AdamW, MovesParametersWithoutChangingThem) {
  const model::NamedTensors before = three_parameters();
  const model::NamedTensors parameters = three_parameters();
  AdamW optimizer(parameters, Config());
  EXPECT_EQ(optimizer.weights().size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::equal(parameters[i].second, before[i].second)) << before[i].first;
    EXPECT_TRUE(parameters[i].second.requires_grad());
    EXPECT_TRUE(parameters[i].second.is_leaf());
  }
  // A gradient of autograd lands in the optimizer's buffer.
  (parameters[2].second.sum() * 3.0).backward();
  EXPECT_NEAR(optimizer.clip_gradients(), 3.0 * std::sqrt(6.0), 1e-5);
  optimizer.zero_gradients();
  EXPECT_EQ(parameters[2].second.grad().abs().sum().item<double>(), 0.0);
}

TEST(AdamW, RestoredGoesOnBitForBit) {
  const auto push = [](const model::NamedTensors& parameters, AdamW& optimizer, int step) {
    for (const auto& [name, parameter] : parameters) {
      const auto values =
          random_values(parameter.numel(), static_cast<std::uint64_t>(50 + step), 1.0);
      parameter.mutable_grad().copy_(tensor_of(values, parameter.sizes()));
    }
    optimizer.step(1e-2);
  };
  const model::NamedTensors first = three_parameters();
  const model::NamedTensors second = three_parameters();
  AdamW one(first, Config());
  AdamW other(second, Config());
  for (int step = 0; step < 5; ++step) {
    push(first, one, step);
  }
  copy_tensors(one.weights(), other.weights());
  copy_tensors(one.tensors(), other.tensors());
  for (int step = 5; step < 10; ++step) {
    push(first, one, step);
    push(second, other, step);
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(at::equal(first[i].second, second[i].second)) << first[i].first;
  }
}

}  // namespace
}  // namespace tpt::train
