#include "model/rotary_tables.h"

#include "base/error.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <numbers>

namespace tpt::model {
namespace {

// Slow frequencies are divided by the factor, fast ones stay, those between are mixed
// (rope_type "llama3").
at::Tensor scaled_as_llama3(const at::Tensor& frequencies, const RopeScaling& scaling) {
  const double old_positions = static_cast<double>(scaling.original_positions);
  const double long_wave = old_positions / scaling.low_frequency_factor;
  const double short_wave = old_positions / scaling.high_frequency_factor;
  const at::Tensor waves = 2.0 * std::numbers::pi / frequencies;
  const at::Tensor slowed =
      at::where(waves.gt(long_wave), frequencies / scaling.factor, frequencies);
  const at::Tensor smooth = (old_positions / waves - scaling.low_frequency_factor) /
                            (scaling.high_frequency_factor - scaling.low_frequency_factor);
  const at::Tensor mixed = (1.0 - smooth) * slowed / scaling.factor + smooth * slowed;
  const at::Tensor between = waves.ge(short_wave).logical_and(waves.le(long_wave));
  return at::where(between, mixed, slowed);
}

}  // namespace

at::Tensor rotary_frequencies(std::int64_t head_dim, double theta, const RopeScaling& scaling) {
  const at::Tensor exponents =
      at::arange(0, head_dim, 2, at::TensorOptions().dtype(at::kLong)).to(at::kFloat) /
      static_cast<double>(head_dim);
  const at::Tensor frequencies = 1.0 / at::pow(theta, exponents);
  switch (scaling.type) {
    case RopeType::unscaled:
      return frequencies;
    case RopeType::linear:
      return frequencies / scaling.factor;
    case RopeType::llama3:
      return scaled_as_llama3(frequencies, scaling);
  }
  TPT_CHECK(false, "unknown rope type");
  return frequencies;
}

RotaryTables rotary_tables(std::int64_t positions, std::int64_t head_dim, double theta,
                           const RopeScaling& scaling) {
  const auto options = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor frequencies = rotary_frequencies(head_dim, theta, scaling);
  const at::Tensor angles = at::outer(at::arange(positions, options), frequencies);
  return {at::cos(angles), at::sin(angles)};
}

RotaryTables GrowingRotaryTables::reaching(std::int64_t positions, at::Device device) {
  TPT_CHECK(positions <= config_.max_positions, "{} positions, the model has {}", positions,
            config_.max_positions);
  const std::scoped_lock lock(mutex_);
  const std::int64_t have = tables_.cosines.defined() ? tables_.cosines.size(0) : 0;
  if (positions > have || tables_.cosines.device() != device) {
    // A later backward pass may need them too, whoever asks first.
    const c10::InferenceMode ordinary(false);
    const std::int64_t enough = std::min(std::max(positions, 2 * have), config_.max_positions);
    tables_ = rotary_tables(enough, config_.head_dim, config_.rope_theta, config_.rope_scaling);
    tables_ = {tables_.cosines.to(device), tables_.sines.to(device)};
  }
  return tables_;
}

}  // namespace tpt::model
