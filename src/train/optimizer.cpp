#include "train/optimizer.h"

#include "base/error.h"
#include "train/device_choice.h"
#include "train/muon.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>

namespace tpt::train {
namespace {

// What steps a parameter. Norms are vectors; an embedding and a head are matrices, told by name.
enum class Stepping { muon, adamw_decayed, adamw };

Stepping stepping_of(const std::string& name, const at::Tensor& parameter, const Config& config) {
  const bool is_embedding = name.find("embed_tokens") != std::string::npos;
  const bool is_head = name.find("lm_head") != std::string::npos;
  if (config.optimizer == OptimizerKind::muon && parameter.dim() == 2 && !is_embedding &&
      !is_head) {
    return Stepping::muon;
  }
  const bool is_decayed =
      config.decay_norms_and_embeddings || (parameter.dim() >= 2 && !is_embedding);
  return is_decayed ? Stepping::adamw_decayed : Stepping::adamw;
}

}  // namespace

Optimizer::Optimizer(const model::NamedTensors& parameters, const Config& config)
    : config_(config) {
  TPT_CHECK(!parameters.empty());
  const at::NoGradGuard no_gradients;
  std::int64_t total = 0;
  model::NamedTensors ordered;
  for (const Stepping stepping : {Stepping::muon, Stepping::adamw_decayed, Stepping::adamw}) {
    for (const auto& [name, parameter] : parameters) {
      if (stepping_of(name, parameter, config) == stepping) {
        TPT_CHECK(parameter.scalar_type() == at::kFloat);
        ordered.emplace_back(name, parameter);
        parts_.push_back({name, total, parameter.sizes().vec()});
        total += parameter.numel();
      }
    }
    matrices_ = stepping == Stepping::muon ? total : matrices_;
    decayed_end_ = stepping == Stepping::adamw_decayed ? total : decayed_end_;
  }
  weights_ = at::empty({total}, at::TensorOptions().dtype(at::kFloat).device(device_of(config)));
  gradients_ = at::zeros_like(weights_);
  moments1_ = at::zeros_like(weights_);
  moments2_ = at::zeros({total - matrices_}, weights_.options());
  steps_ = at::zeros({}, weights_.options());
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    at::Tensor& parameter = ordered[i].second;
    const auto place_in = [&](const at::Tensor& buffer) {
      return buffer.narrow(0, parts_[i].from, parameter.numel()).view(parameter.sizes());
    };
    const at::Tensor place = place_in(weights_);
    place.copy_(parameter);
    parameter.set_data(place);
    parameter.mutable_grad() = place_in(gradients_);
  }
  if (config_.ema_decay > 0.0) {
    average_ = weights_.clone();
  }
}

void Optimizer::zero_gradients() { gradients_.zero_(); }

at::Tensor Optimizer::gradient_norm() const { return at::linalg_vector_norm(gradients_, 2); }

void Optimizer::step(double learning_rate, const at::Tensor& norm, const at::Tensor& skip) {
  constexpr double kTorchEpsilon = 1e-6;
  const at::NoGradGuard no_gradients;
  const at::Tensor keep = 1.0 - skip;
  steps_.add_(keep);
  at::Tensor scale;  // gradients are divided by it
  if (config_.clip > 0.0) {
    scale = norm.add(kTorchEpsilon).div(config_.clip).clamp_min(1.0);
  }
  step_matrices(learning_rate, scale, skip);
  step_adamw(matrices_, decayed_end_, learning_rate, config_.weight_decay, scale, skip);
  step_adamw(decayed_end_, weights_.numel(), learning_rate, 0.0, scale, skip);
  if (average_.defined()) {
    average_.lerp_(weights_, keep * (1.0 - config_.ema_decay));
  }
}

// A step left out has gradients of 0 and takes none of them in: nothing moves, though they may have
// been not finite.
void Optimizer::step_matrices(double learning_rate, const at::Tensor& scale,
                              const at::Tensor& skip) {
  if (matrices_ == 0) {
    return;
  }
  const at::Tensor keep = 1.0 - skip;
  const at::Tensor all = gradients_.narrow(0, 0, matrices_);
  all.masked_fill_(skip.to(at::kBool), 0.0);
  if (scale.defined()) {
    all.div_(scale.masked_fill(skip.to(at::kBool), 1.0));
  }
  const auto type = config_.precision == model::Precision::bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor taken_in = keep * (1.0 - config_.muon_momentum);
  for (const Part& part : parts_) {
    if (part.from >= matrices_) {
      break;
    }
    const std::int64_t count = part.shape[0] * part.shape[1];
    const auto of = [&](const at::Tensor& buffer) {
      return buffer.narrow(0, part.from, count).view(part.shape);
    };
    const at::Tensor gradient = of(gradients_);
    const at::Tensor momentum = of(moments1_);
    momentum.lerp_(gradient, taken_in);
    const at::Tensor update = orthogonalized(gradient.lerp(momentum, config_.muon_momentum), type);
    const double rate = learning_rate * muon_rate_scale(part.shape[0], part.shape[1]);
    const at::Tensor weight = of(weights_);
    weight.mul_(1.0 - keep * (learning_rate * config_.weight_decay));
    weight.sub_(update.to(at::kFloat) * (keep * rate));
  }
}

void Optimizer::step_adamw(std::int64_t from, std::int64_t to, double learning_rate, double decay,
                           const at::Tensor& scale, const at::Tensor& skip) {
  if (from == to) {
    return;
  }
  std::vector<at::Tensor> weights{weights_.narrow(0, from, to - from)};
  std::vector<at::Tensor> gradients{gradients_.narrow(0, from, to - from)};
  std::vector<at::Tensor> moments1{moments1_.narrow(0, from, to - from)};
  std::vector<at::Tensor> moments2{moments2_.narrow(0, from - matrices_, to - from)};
  std::vector<at::Tensor> steps{steps_};
  const auto grad_scale = scale.defined() ? std::optional<at::Tensor>(scale) : std::nullopt;
  at::_fused_adamw_(weights, gradients, moments1, moments2, /*max_exp_avg_sqs=*/{}, steps,
                    learning_rate, config_.beta1, config_.beta2, decay, config_.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, grad_scale, skip);
}

// `first`: the weight that the buffer's element 0 belongs to.
void Optimizer::append_views(const at::Tensor& buffer, const std::string& prefix,
                             std::int64_t first, model::NamedTensors& views) const {
  for (const Part& part : parts_) {
    if (part.from >= first) {
      const std::int64_t count = c10::multiply_integers(part.shape);
      views.emplace_back(prefix + part.name,
                         buffer.narrow(0, part.from - first, count).view(part.shape));
    }
  }
}

model::NamedTensors Optimizer::weights() const {
  model::NamedTensors views;
  append_views(weights_, "", 0, views);
  return views;
}

model::NamedTensors Optimizer::tensors() const {
  model::NamedTensors views{{"steps", steps_}};
  append_views(moments1_, "first_moment.", 0, views);
  append_views(moments2_, "second_moment.", matrices_, views);
  if (average_.defined()) {
    append_views(average_, "average.", 0, views);
  }
  return views;
}

model::NamedTensors Optimizer::average() const {
  model::NamedTensors views;
  if (average_.defined()) {
    append_views(average_, "", 0, views);
  }
  return views;
}

void Optimizer::exchange_average() {
  TPT_CHECK(average_.defined());
  const at::NoGradGuard no_gradients;
  const at::Tensor before = weights_.clone();
  weights_.copy_(average_);
  average_.copy_(before);
}

}  // namespace tpt::train
