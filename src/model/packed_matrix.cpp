#include "model/packed_matrix.h"

#include "base/error.h"
#include "model/decoder_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

namespace tpt::model {
PackedMatrix::PackedMatrix(const std::vector<at::Tensor>& weights) {
  const at::Tensor joined = at::cat(weights).contiguous();
  TPT_CHECK(joined.dim() == 2 && joined.scalar_type() == at::kFloat, "not an fp32 matrix");
  out_ = joined.size(0);
  in_ = joined.size(1);
  const std::int64_t tiles = (out_ + kTileColumns - 1) / kTileColumns;
  tiles_.resize(static_cast<std::size_t>(tiles * in_ * kTileColumns));
  const float* weight = joined.const_data_ptr<float>();
  for (std::int64_t o = 0; o < out_; ++o) {
    float* column = tiles_.data() + o / kTileColumns * in_ * kTileColumns + o % kTileColumns;
    for (std::int64_t i = 0; i < in_; ++i) column[i * kTileColumns] = weight[o * in_ + i];
  }
}

void PackedMatrix::multiply(const float* x, std::int64_t rows, float* y) const {
  const std::int64_t tiles = (out_ + kTileColumns - 1) / kTileColumns;
  constexpr std::int64_t kGrainOperations = 1 << 20;
  const std::int64_t grain =
      std::max<std::int64_t>(1, kGrainOperations / (rows * in_ * kTileColumns + 1));
  at::parallel_for(0, tiles, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t first = tile * kTileColumns;
      multiply_tile(x, rows, in_, tiles_.data() + tile * in_ * kTileColumns, y + first, out_,
                    out_ - first);
    }
  });
}

}  // namespace tpt::model
