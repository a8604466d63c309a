#include "train/adamw.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <string>
#include <utility>
#include <vector>

namespace tpt::train {
namespace {

// Norms are vectors; an embedding is a matrix, told by its name.
bool is_decayed(const std::string& name, const at::Tensor& parameter, const Config& config) {
  if (config.decay_norms_and_embeddings) {
    return true;
  }
  return parameter.dim() >= 2 && name.find("embed_tokens") == std::string::npos;
}

}  // namespace

AdamW::AdamW(const model::NamedTensors& parameters, const Config& config) : config_(config) {
  TPT_CHECK(!parameters.empty());
  std::vector<at::Tensor> ordered;
  std::int64_t total = 0;
  for (const bool decayed : {true, false}) {
    for (const auto& [name, parameter] : parameters) {
      if (is_decayed(name, parameter, config) == decayed) {
        ordered.push_back(parameter);
        total += parameter.numel();
      }
    }
    decayed_ = decayed ? total : decayed_;
  }
  const at::NoGradGuard no_gradients;
  weights_ = at::empty({total}, ordered.front().options().requires_grad(false));
  gradients_ = at::zeros_like(weights_);
  moments1_ = at::zeros_like(weights_);
  moments2_ = at::zeros_like(weights_);
  std::int64_t at = 0;
  for (at::Tensor& parameter : ordered) {
    TPT_CHECK(parameter.scalar_type() == at::kFloat);
    const at::Tensor place = weights_.narrow(0, at, parameter.numel()).view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
    parameter.mutable_grad() = gradients_.narrow(0, at, parameter.numel()).view(parameter.sizes());
    at += parameter.numel();
  }
}

void AdamW::zero_gradients() { gradients_.zero_(); }

double AdamW::clip_gradients() {
  constexpr double kTorchEpsilon = 1e-6;
  const double norm = at::linalg_vector_norm(gradients_, 2).item<double>();
  if (config_.clip > 0.0 && norm + kTorchEpsilon > config_.clip) {
    gradients_.mul_(config_.clip / (norm + kTorchEpsilon));
  }
  return norm;
}

void AdamW::step(double learning_rate) {
  ++steps_;
  step_part(0, decayed_, learning_rate, config_.weight_decay);
  step_part(decayed_, weights_.numel() - decayed_, learning_rate, 0.0);
}

void AdamW::step_part(std::int64_t from, std::int64_t count, double learning_rate, double decay) {
  if (count == 0) {
    return;
  }
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> weights{weights_.narrow(0, from, count)};
  std::vector<at::Tensor> gradients{gradients_.narrow(0, from, count)};
  std::vector<at::Tensor> moments1{moments1_.narrow(0, from, count)};
  std::vector<at::Tensor> moments2{moments2_.narrow(0, from, count)};
  std::vector<at::Tensor> steps{
      at::full({}, static_cast<double>(steps_), weights_.options().dtype(at::kFloat))};
  at::_fused_adamw_(weights, gradients, moments1, moments2, /*max_exp_avg_sqs=*/{}, steps,
                    learning_rate, config_.beta1, config_.beta2, decay, config_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false);
}

void AdamW::restore(const at::Tensor& weights, const at::Tensor& moments1,
                    const at::Tensor& moments2, std::int64_t steps) {
  const at::NoGradGuard no_gradients;
  weights_.copy_(weights);
  moments1_.copy_(moments1);
  moments2_.copy_(moments2);
  steps_ = steps;
}

}  // namespace tpt::train
