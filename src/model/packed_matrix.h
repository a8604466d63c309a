// A weight matrix laid out for products with a few rows, as generation makes them. Each result is
// summed in one fixed order, whatever rows stand beside it: a text does not depend on its batch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace tpt::model {

class PackedMatrix {
 public:
  PackedMatrix() = default;
  // The weights [out, in] of a linear map, one below the other: Q, K and V in one product.
  explicit PackedMatrix(const std::vector<at::Tensor>& weights);

  std::int64_t in() const { return in_; }
  std::int64_t out() const { return out_; }
  // y [rows, out] = x [rows, in] weight^T.
  void multiply(const float* x, std::int64_t rows, float* y) const;

 private:
  std::int64_t in_ = 0;
  std::int64_t out_ = 0;
  std::vector<float> tiles_;  // [out / kTile, in, kTile], the last tile filled up with zeros
};

}  // namespace tpt::model
