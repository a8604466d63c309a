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
  model::NamedTensors ordered;
  std::int64_t total = 0;
  for (const bool decayed : {true, false}) {
    for (const auto& [name, parameter] : parameters) {
      if (is_decayed(name, parameter, config) == decayed) {
        ordered.emplace_back(name, parameter);
        total += parameter.numel();
      }
    }
    decayed_ = decayed ? total : decayed_;
  }
  const at::NoGradGuard no_gradients;
  weights_ = at::empty({total}, ordered.front().second.options().requires_grad(false));
  gradients_ = at::zeros_like(weights_);
  moments1_ = at::zeros_like(weights_);
  moments2_ = at::zeros_like(weights_);
  std::int64_t at = 0;
  for (auto& [name, parameter] : ordered) {
    TPT_CHECK(parameter.scalar_type() == at::kFloat);
    const at::Tensor place = weights_.narrow(0, at, parameter.numel()).view(parameter.sizes());
    place.copy_(parameter);
    parameter.set_data(place);
    parameter.mutable_grad() = gradients_.narrow(0, at, parameter.numel()).view(parameter.sizes());
    parts_.push_back({name, at, parameter.sizes().vec()});
    at += parameter.numel();
  }
  steps_ = at::zeros({}, weights_.options());
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
  steps_.add_(1.0);
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
  std::vector<at::Tensor> steps{steps_};
  at::_fused_adamw_(weights, gradients, moments1, moments2, /*max_exp_avg_sqs=*/{}, steps,
                    learning_rate, config_.beta1, config_.beta2, decay, config_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false);
}

void AdamW::append_views(const at::Tensor& buffer, const std::string& prefix,
                         model::NamedTensors& views) const {
  for (const Part& part : parts_) {
    const std::int64_t count = c10::multiply_integers(part.shape);
    views.emplace_back(prefix + part.name, buffer.narrow(0, part.from, count).view(part.shape));
  }
}

model::NamedTensors AdamW::weights() const {
  model::NamedTensors views;
  append_views(weights_, "", views);
  return views;
}

model::NamedTensors AdamW::tensors() const {
  model::NamedTensors views{{"steps", steps_}};
  append_views(moments1_, "first_moment.", views);
  append_views(moments2_, "second_moment.", views);
  return views;
}

}  // namespace tpt::train
