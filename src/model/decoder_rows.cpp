#include "model/decoder_rows.h"

#include "model/vector_clones.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tpt::model {
namespace {

constexpr std::int64_t kLanes = 16;
static_assert(kTileColumns == 2 * kLanes);

// Sixteen sums side by side, added in a fixed order.
__attribute__((always_inline)) inline float dot(const float* a, const float* b, std::int64_t n) {
  float sums[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) sums[l] += a[i + l] * b[i + l];
  }
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

constexpr std::int64_t kRows = 4;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

// R rows times one tile of weights; sums stay in registers.
template <std::int64_t R>
__attribute__((always_inline)) inline void multiply_rows(const float* x, std::int64_t in,
                                                         const float* tile, float* y,
                                                         std::int64_t out, std::int64_t columns) {
  Lanes sums[R][2] = {};
  for (std::int64_t i = 0; i < in; ++i) {
    Lanes low;
    Lanes high;
    std::memcpy(&low, tile + i * kTileColumns, sizeof(low));
    std::memcpy(&high, tile + i * kTileColumns + kLanes, sizeof(high));
    for (std::int64_t r = 0; r < R; ++r) {
      sums[r][0] += x[r * in + i] * low;
      sums[r][1] += x[r * in + i] * high;
    }
  }
  for (std::int64_t r = 0; r < R; ++r) {
    std::memcpy(y + r * out, &sums[r],
                static_cast<std::size_t>(std::min(columns, kTileColumns)) * sizeof(float));
  }
}

}  // namespace

TPT_VECTOR_CLONES
void norm_row(const float* x, const float* weight, float* y, std::int64_t d, float epsilon) {
  const float scale = 1.0F / std::sqrt(dot(x, x, d) / static_cast<float>(d) + epsilon);
  for (std::int64_t i = 0; i < d; ++i) y[i] = x[i] * scale * weight[i];
}

TPT_VECTOR_CLONES
void swiglu_row(const float* gate_up, float* out, std::int64_t f) {
  for (std::int64_t i = 0; i < f; ++i) {
    out[i] = gate_up[i] * gate_up[f + i] / (1.0F + fast_exp(-gate_up[i]));
  }
}

TPT_VECTOR_CLONES
void turn_row(float* head, const float* cosines, const float* sines, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float left = head[i];
    const float right = head[i + half];
    head[i] = left * cosines[i] - right * sines[i];
    head[i + half] = right * cosines[i] + left * sines[i];
  }
}

TPT_VECTOR_CLONES
void attend_head(const float* query, const float* keys, const float* values, float* weights,
                 float* out, std::int64_t t, std::int64_t stride, std::int64_t n) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(n));
  float largest = -INFINITY;
  for (std::int64_t j = 0; j < t; ++j) {
    weights[j] = dot(query, keys + j * stride, n) * scale;
    largest = weights[j] > largest ? weights[j] : largest;
  }
  for (std::int64_t j = 0; j < t; ++j) weights[j] = fast_exp(weights[j] - largest);
  float total = 0;
  for (std::int64_t j = 0; j < t; ++j) total += weights[j];
  for (std::int64_t i = 0; i < n; ++i) out[i] = 0;
  for (std::int64_t j = 0; j < t; ++j) {
    const float weight = weights[j];
    for (std::int64_t i = 0; i < n; ++i) out[i] += weight * values[j * stride + i];
  }
  for (std::int64_t i = 0; i < n; ++i) out[i] /= total;
}

TPT_VECTOR_CLONES
void multiply_tile(const float* x, std::int64_t rows, std::int64_t in, const float* tile, float* y,
                   std::int64_t out, std::int64_t columns) {
  std::int64_t r = 0;
  for (; r + kRows <= rows; r += kRows) {
    multiply_rows<kRows>(x + r * in, in, tile, y + r * out, out, columns);
  }
  for (; r < rows; ++r) multiply_rows<1>(x + r * in, in, tile, y + r * out, out, columns);
}

}  // namespace tpt::model
