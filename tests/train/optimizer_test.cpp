#include "train/optimizer.h"

#include "base/random.h"
#include "train/muon.h"
#include "train/oracle.h"
#include "train/small_run.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <limits>

namespace tpt::train {
namespace {

Ranks alone;  // this process

model::NamedTensors state_of(const Optimizer& optimizer) {
  return optimizer.named(optimizer.gather());
}

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

model::NamedTensors clones_of(model::NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) {
    tensor = tensor.detach().clone();
  }
  return tensors;
}

void expect_equal(const model::NamedTensors& one, const model::NamedTensors& other) {
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(at::equal(one[i].second, other[i].second)) << one[i].first;
  }
}

// Gives the norm.
double take_step(Optimizer& optimizer, double rate) {
  const at::Tensor norm = optimizer.gradient_norm();
  optimizer.step(rate, norm, at::zeros({}));
  return norm.item<double>();
}

// What the oracle is to do with these parameters.
Json job_of(const model::NamedTensors& parameters, const Config& config) {
  Json job = {{"weight_decay", config.weight_decay},
              {"beta1", config.beta1},
              {"beta2", config.beta2},
              {"epsilon", config.epsilon},
              {"clip", config.clip}};
  for (const auto& [name, parameter] : parameters) {
    job["parameters"][name] = json_of(parameter);
  }
  return job;
}

TEST(AdamW, GivesTheParametersOfTorch) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  Config config;
  config.clip = 0.7;
  config.weight_decay = 0.3;
  const model::NamedTensors parameters = three_parameters();
  Json job = job_of(parameters, config);
  job["decayed"] = {parameters[1].first};
  Optimizer optimizer(parameters, config, alone);
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
    norms.push_back(take_step(optimizer, rate));
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
  Optimizer optimizer(parameters, Config(), alone);
  EXPECT_EQ(optimizer.weights().size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::equal(parameters[i].second, before[i].second)) << before[i].first;
    EXPECT_TRUE(parameters[i].second.requires_grad());
    EXPECT_TRUE(parameters[i].second.is_leaf());
  }
  // A gradient of autograd lands in the optimizer's buffer.
  (parameters[2].second.sum() * 3.0).backward();
  EXPECT_NEAR(optimizer.gradient_norm().item<double>(), 3.0 * std::sqrt(6.0), 1e-5);
  optimizer.zero_gradients();
  EXPECT_EQ(parameters[2].second.grad().abs().sum().item<double>(), 0.0);
}

// Random gradients, the same for the same step.
void fill_gradients(const model::NamedTensors& parameters, int step, double scale = 1.0) {
  for (const auto& [name, parameter] : parameters) {
    const auto values =
        random_values(parameter.numel(), static_cast<std::uint64_t>(50 + step), scale);
    parameter.mutable_grad().copy_(tensor_of(values, parameter.sizes()));
  }
}

std::vector<Config> all_optimizers() {
  Config adamw;
  adamw.clip = 0.5;
  Config muon = adamw;
  muon.optimizer = OptimizerKind::muon;
  Config averaged = muon;
  averaged.ema_decay = 0.9;
  averaged.clip = 0.0;
  return {adamw, muon, averaged};
}

TEST(Optimizer, RestoredGoesOnBitForBit) {
  for (const Config& config : all_optimizers()) {
    const model::NamedTensors first = three_parameters();
    const model::NamedTensors second = three_parameters();
    Optimizer one(first, config, alone);
    Optimizer other(second, config, alone);
    for (int i = 0; i < 5; ++i) {
      fill_gradients(first, i);
      take_step(one, 1e-2);
    }
    copy_tensors(one.weights(), other.weights());
    copy_tensors(state_of(one), state_of(other));
    for (int i = 5; i < 10; ++i) {
      fill_gradients(first, i);
      take_step(one, 1e-2);
      fill_gradients(second, i);
      take_step(other, 1e-2);
    }
    expect_equal(one.weights(), other.weights());
    expect_equal(state_of(one), state_of(other));
  }
}

// Whatever a left-out step's gradients hold, no bit of weights, moments, average or count moves.
TEST(Optimizer, AStepLeftOutChangesNoBit) {
  for (const Config& config : all_optimizers()) {
    for (const double poison : {1.0, 1e30, std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()}) {
      const model::NamedTensors parameters = three_parameters();
      Optimizer optimizer(parameters, config, alone);
      for (int i = 0; i < 3; ++i) {
        fill_gradients(parameters, i);
        take_step(optimizer, 1e-2);
      }
      const model::NamedTensors weights = clones_of(optimizer.weights());
      const model::NamedTensors tensors = clones_of(state_of(optimizer));
      fill_gradients(parameters, 3);
      parameters[1].second.mutable_grad().mul_(poison);
      parameters[2].second.mutable_grad().mul_(poison);
      optimizer.step(1e-2, optimizer.gradient_norm(), at::ones({}));
      expect_equal(optimizer.weights(), weights);
      expect_equal(state_of(optimizer), tensors);
      fill_gradients(parameters, 4);
      take_step(optimizer, 1e-2);
      EXPECT_FALSE(at::equal(optimizer.weights()[0].second, weights[0].second));
      for (const auto& [name, tensor] : state_of(optimizer)) {
        EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name << " after " << poison;
      }
    }
  }
}

TEST(Optimizer, TheAverageIsTheExponentialOne) {
  Config config;
  config.ema_decay = 0.75;
  const model::NamedTensors parameters = three_parameters();
  Optimizer optimizer(parameters, config, alone);
  at::Tensor expected = parameters[1].second.detach().clone();
  for (int i = 0; i < 6; ++i) {
    fill_gradients(parameters, i);
    take_step(optimizer, 1e-2);
    expected = 0.75 * expected + 0.25 * parameters[1].second.detach();
  }
  const auto average_of = [&](const std::string& wanted) {
    for (const auto& [name, tensor] : optimizer.average(optimizer.gather())) {
      if (name == wanted) {
        return tensor;
      }
    }
    return at::Tensor();
  };
  const at::Tensor weights = parameters[1].second.detach().clone();
  EXPECT_LE((average_of(parameters[1].first) - expected).abs().max().item<double>(), 1e-7);
  optimizer.exchange_average();
  EXPECT_LE((parameters[1].second.detach() - expected).abs().max().item<double>(), 1e-7);
  optimizer.exchange_average();
  EXPECT_TRUE(at::equal(parameters[1].second.detach(), weights));
}

// torch.optim.Muon orthogonalises in bf16; so do we where products are in bf16.
TEST(Muon, GivesTheParametersOfTorch) {
  TPT_NEEDS_ORACLE();
  const TemporaryFolder folder;
  Config config;
  config.optimizer = OptimizerKind::muon;
  config.precision = model::Precision::bf16;
  config.clip = 0.7;
  config.weight_decay = 0.3;
  model::NamedTensors parameters = three_parameters();
  parameters.emplace_back("model.layers.0.mlp.up_proj.weight",
                          tensor_of(random_values(96, 8, 0.1), {12, 8}).set_requires_grad(true));
  Json job = job_of(parameters, config);
  job["matrices"] = {parameters[1].first, parameters[3].first};
  job["momentum"] = config.muon_momentum;
  Optimizer optimizer(parameters, config, alone);
  for (int i = 0; i < 20; ++i) {
    const double rate = 1e-2 / static_cast<double>(1 + i);
    fill_gradients(parameters, i, i % 3 == 0 ? 5.0 : 1e-3);
    Json gradients;
    for (const auto& [name, parameter] : parameters) {
      gradients[name] = json_of(parameter.grad());
    }
    job["rates"].push_back(rate);
    job["gradients"].push_back(gradients);
    take_step(optimizer, rate);
  }
  const Json theirs = ask_oracle("muon", job, folder.path());
  ASSERT_FALSE(theirs.is_null());
  for (const auto& [name, parameter] : parameters) {
    std::vector<float> values;
    for (const Json& one : theirs["parameters"][name].flatten()) {
      values.push_back(one.get<float>());
    }
    const at::Tensor expected = tensor_of(values, parameter.sizes());
    // One rounding of bf16 apart at most, in a step of 1e-2 at most.
    EXPECT_LE((parameter - expected).abs().max().item<double>(), 5e-5) << name;
    EXPECT_LE((parameter - expected).norm().item<double>(), 5e-5 * expected.norm().item<double>())
        << name;
  }
}

TEST(Muon, OrthogonalizesTallWideAndZeroMatrices) {
  for (const auto& [rows, columns] : {std::pair(24, 8), std::pair(8, 24), std::pair(16, 16)}) {
    const at::Tensor matrix = tensor_of(random_values(rows * columns, 5, 3.0), {rows, columns});
    const at::Tensor values = at::linalg_svdvals(orthogonalized(matrix, at::kFloat));
    EXPECT_GT(values.min().item<double>(), 0.3) << rows << " x " << columns;
    EXPECT_LT(values.max().item<double>(), 1.3) << rows << " x " << columns;
  }
  EXPECT_EQ(orthogonalized(at::zeros({4, 6}), at::kFloat).abs().max().item<double>(), 0.0);
}

}  // namespace
}  // namespace tpt::train
