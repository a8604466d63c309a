// Cosines and sines of rotary positions.
#pragma once

#include "model/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <mutex>

namespace tpt::model {

// Of positions 0 .. positions - 1: [positions, head_dim / 2] each.
struct RotaryTables {
  at::Tensor cosines;
  at::Tensor sines;
};

// [head_dim / 2]: how far a position turns each pair.
at::Tensor rotary_frequencies(std::int64_t head_dim, double theta, const RopeScaling& scaling);

// In float, step by step as Hugging Face has it, so that long positions agree to the last bits.
RotaryTables rotary_tables(std::int64_t positions, std::int64_t head_dim, double theta,
                           const RopeScaling& scaling = {});

// Tables as long as they were needed so far: a model may allow for many more positions than are
// ever used. Any thread may ask.
class GrowingRotaryTables {
 public:
  explicit GrowingRotaryTables(const Config& config) : config_(config) {}
  // At least `positions` long, in memory of `device`; TPT_CHECK that the model has as many.
  RotaryTables reaching(std::int64_t positions, at::Device device = at::kCPU);

 private:
  Config config_;
  std::mutex mutex_;
  RotaryTables tables_;
};

}  // namespace tpt::model
