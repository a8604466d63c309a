#include "train/optimizer.h"

#include "base/error.h"
#include "train/device_choice.h"
#include "train/muon.h"
#include "train/own_share.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

namespace tpt::train {
namespace {

at::Tensor of(const at::Tensor& buffer, Range range) {
  return buffer.narrow(0, range.from, range.count());
}

at::Tensor placed(const at::Tensor& buffer, const FlatLayout::Own& own) {
  return buffer.narrow(0, own.place, own.range.count());
}

// In an order of its own: torch's depends on how many threads it may use.
double sum_of_squares(const at::Tensor& values) {
  constexpr std::int64_t kLanes = 8;
  std::array<double, kLanes> sums{};
  const float* value = values.const_data_ptr<float>();
  const std::int64_t count = values.numel();
  for (std::int64_t i = 0; i < count; i += kLanes) {
    for (std::int64_t lane = 0; lane < std::min(kLanes, count - i); ++lane) {
      const double one = value[i + lane];
      sums[static_cast<std::size_t>(lane)] += one * one;
    }
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

Optimizer::Optimizer(const model::NamedTensors& parameters, const Config& config, Ranks& ranks)
    : config_(config), ranks_(ranks), layout_(parameters, config, ranks.rank(), ranks.size()) {
  const at::NoGradGuard no_gradients;
  // Zeros, for the padding of a sharded layout.
  weights_ =
      at::zeros({layout_.total()}, at::TensorOptions().dtype(at::kFloat).device(device_of(config)));
  gradients_ = at::zeros_like(weights_);
  moments1_ = at::zeros({layout_.own_count()}, weights_.options());
  moments2_ = at::zeros({layout_.own_count(layout_.matrices_end())}, weights_.options());
  steps_ = at::zeros({}, weights_.options());
  for (const FlatLayout::Part& part : layout_.parts()) {
    at::Tensor parameter = parameters[static_cast<std::size_t>(part.parameter)].second;
    const at::Tensor place = of(weights_, part.range()).view(part.shape);
    place.copy_(parameter);
    parameter.set_data(place);
    parameter.mutable_grad() = of(gradients_, part.range()).view(part.shape);
    if (part.from < layout_.matrices_end()) {
      for (const FlatLayout::Own& own : layout_.own(part.range())) {
        matrices_.push_back({own.range, own.place, part.shape[0], part.shape[1]});
      }
    }
  }
  if (config_.ema_decay > 0.0) {
    average_ = at::empty_like(moments1_);
    for (const FlatLayout::Own& own : layout_.own({0, layout_.total()})) {
      placed(average_, own).copy_(of(weights_, own.range));
    }
  }
}

void Optimizer::over_pieces(Range range,
                            const std::function<void(std::size_t, Range)>& piece) const {
  if (!division_) {
    piece(0, range);
    return;
  }
  const std::vector<Range> pieces = pieces_of(range);
  division_(std::ssize(pieces), [&](std::int64_t i) {
    const at::NoGradGuard no_gradients;
    const auto place = static_cast<std::size_t>(i);
    piece(place, pieces[place]);
  });
}

void Optimizer::zero_gradients() {
  over_pieces({0, layout_.total()},
              [&](std::size_t, Range piece) { of(gradients_, piece).zero_(); });
}

at::Tensor Optimizer::gradient_norm() const {
  if (division_) {
    return norm_by_pieces();
  }
  if (!layout_.is_sharded()) {
    return at::linalg_vector_norm(gradients_, 2);
  }
  const at::Tensor squares = at::zeros({1}, gradients_.options().dtype(at::kDouble));
  for (const FlatLayout::Own& own : layout_.own({0, layout_.total()})) {
    squares.add_(at::linalg_vector_norm(of(gradients_, own.range), 2).to(at::kDouble).square());
  }
  ranks_.sum(squares);
  return squares.sqrt().to(at::kFloat).squeeze(0);
}

at::Tensor Optimizer::norm_by_pieces() const {
  const Range all{0, layout_.total()};
  std::vector<double> squares(pieces_of(all).size());
  over_pieces(all, [&](std::size_t place, Range piece) {
    squares[place] = sum_of_squares(of(gradients_, piece));
  });
  const double sum = std::accumulate(squares.begin(), squares.end(), 0.0);
  return at::scalar_tensor(std::sqrt(sum), gradients_.options());
}

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
  step_adamw({layout_.matrices_end(), layout_.decayed_end()}, learning_rate, config_.weight_decay,
             scale, skip);
  step_adamw({layout_.decayed_end(), layout_.total()}, learning_rate, 0.0, scale, skip);
  if (average_.defined()) {
    over_pieces({0, layout_.total()}, [&](std::size_t, Range piece) {
      for (const FlatLayout::Own& own : layout_.own(piece)) {
        placed(average_, own).lerp_(of(weights_, own.range), keep * (1.0 - config_.ema_decay));
      }
    });
  }
  gather_weights();
}

// A step left out has gradients of 0 and takes none of them in: nothing moves, though they may have
// been not finite.
void Optimizer::step_matrices(double learning_rate, const at::Tensor& scale,
                              const at::Tensor& skip) {
  const at::Tensor keep = 1.0 - skip;
  for (const FlatLayout::Own& own : layout_.own({0, layout_.matrices_end()})) {
    const at::Tensor all = of(gradients_, own.range);
    all.masked_fill_(skip.to(at::kBool), 0.0);
    if (scale.defined()) {
      all.div_(scale.masked_fill(skip.to(at::kBool), 1.0));
    }
  }
  const auto type = config_.precision == model::Precision::bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor taken_in = keep * (1.0 - config_.muon_momentum);
  for (const OwnMatrix& matrix : matrices_) {
    const std::vector<std::int64_t> shape{matrix.rows, matrix.columns};
    const at::Tensor gradient = of(gradients_, matrix.range).view(shape);
    const at::Tensor momentum = moments1_.narrow(0, matrix.place, matrix.range.count()).view(shape);
    momentum.lerp_(gradient, taken_in);
    const at::Tensor update = orthogonalized(gradient.lerp(momentum, config_.muon_momentum), type);
    const double rate = learning_rate * muon_rate_scale(matrix.rows, matrix.columns);
    const at::Tensor weight = of(weights_, matrix.range).view(shape);
    weight.mul_(1.0 - keep * (learning_rate * config_.weight_decay));
    weight.sub_(update.to(at::kFloat) * (keep * rate));
  }
}

void Optimizer::step_adamw(Range range, double learning_rate, double decay, const at::Tensor& scale,
                           const at::Tensor& skip) {
  const auto grad_scale = scale.defined() ? std::optional<at::Tensor>(scale) : std::nullopt;
  over_pieces(range, [&](std::size_t, Range piece) {
    std::vector<at::Tensor> weights, gradients, moments1, moments2, steps;
    for (const FlatLayout::Own& own : layout_.own(piece)) {
      weights.push_back(of(weights_, own.range));
      gradients.push_back(of(gradients_, own.range));
      moments1.push_back(placed(moments1_, own));
      steps.push_back(steps_);
    }
    for (const FlatLayout::Own& own : layout_.own(piece, layout_.matrices_end())) {
      moments2.push_back(placed(moments2_, own));
    }
    if (!weights.empty()) {
      at::_fused_adamw_(weights, gradients, moments1, moments2, /*max_exp_avg_sqs=*/{}, steps,
                        learning_rate, config_.beta1, config_.beta2, decay, config_.epsilon,
                        /*amsgrad=*/false, /*maximize=*/false, grad_scale, skip);
    }
  });
}

void Optimizer::gather_weights() {
  for (const FlatLayout::Stripe& stripe : layout_.stripes()) {
    ranks_.start_gather_of_parts(of(weights_, stripe.range));
  }
  ranks_.wait();
}

// `first`: the weight that the buffer's element 0 belongs to.
void Optimizer::append_views(const at::Tensor& buffer, const std::string& prefix,
                             std::int64_t first, model::NamedTensors& views) const {
  if (!buffer.defined()) {
    return;
  }
  for (const FlatLayout::Part& part : layout_.parts()) {
    if (part.from >= first) {
      views.emplace_back(prefix + part.name,
                         buffer.narrow(0, part.from - first, part.count()).view(part.shape));
    }
  }
}

model::NamedTensors Optimizer::weights() const {
  model::NamedTensors views;
  append_views(weights_, "", 0, views);
  return views;
}

Optimizer::Moments Optimizer::gather() const {
  if (!layout_.is_sharded()) {
    return {moments1_, moments2_, average_};
  }
  return {gathered_on_first(layout_, ranks_, moments1_, 0),
          gathered_on_first(layout_, ranks_, moments2_, layout_.matrices_end()),
          average_.defined() ? gathered_on_first(layout_, ranks_, average_, 0) : at::Tensor()};
}

Optimizer::Moments Optimizer::room() const {
  if (!layout_.is_sharded()) {
    return {moments1_, moments2_, average_};
  }
  if (!ranks_.is_first()) {
    return {};
  }
  const auto options = moments1_.options().device(at::kCPU);
  const at::Tensor average = average_.defined() ? at::zeros({layout_.total()}, options) : average_;
  return {at::zeros({layout_.total()}, options),
          at::zeros({layout_.total() - layout_.matrices_end()}, options), average};
}

void Optimizer::spread(const Moments& moments) {
  const at::NoGradGuard no_gradients;
  ranks_.broadcast(steps_);
  if (!layout_.is_sharded()) {
    for (const at::Tensor& buffer : {moments1_, moments2_, average_}) {
      if (buffer.defined()) {
        ranks_.broadcast(buffer);
      }
    }
    return;
  }
  spread_from_first(layout_, ranks_, moments.first, moments1_, 0);
  spread_from_first(layout_, ranks_, moments.second, moments2_, layout_.matrices_end());
  if (average_.defined()) {
    spread_from_first(layout_, ranks_, moments.average, average_, 0);
  }
}

model::NamedTensors Optimizer::named(const Moments& moments) const {
  model::NamedTensors views{{"steps", steps_}};
  append_views(moments.first, "first_moment.", 0, views);
  append_views(moments.second, "second_moment.", layout_.matrices_end(), views);
  append_views(moments.average, "average.", 0, views);
  return views;
}

model::NamedTensors Optimizer::average(const Moments& moments) const {
  model::NamedTensors views;
  append_views(moments.average, "", 0, views);
  return views;
}

void Optimizer::exchange_average() {
  TPT_CHECK(average_.defined());
  const at::NoGradGuard no_gradients;
  for (const FlatLayout::Own& own : layout_.own({0, layout_.total()})) {
    const at::Tensor weights = of(weights_, own.range), average = placed(average_, own);
    const at::Tensor before = weights.clone();
    weights.copy_(average);
    average.copy_(before);
  }
  gather_weights();
}

}  // namespace tpt::train
