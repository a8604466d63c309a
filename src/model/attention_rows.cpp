#include "model/attention_rows.h"

#include "model/tile_product.h"
#include "model/tiles.h"
#include "model/vector_clones.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tpt::model {
namespace {

void pack(ConstHeadRows from, std::int64_t rows, std::int64_t n, std::vector<float>& tiles) {
  tiles.resize(static_cast<std::size_t>(tiles_of(n) * kTile * rows));
  pack_tiles(from.rows, from.stride, rows, n, tiles.data());
}

// Lanes are rows.
void pack_across(ConstHeadRows from, std::int64_t rows, std::int64_t n, std::vector<float>& tiles) {
  tiles.resize(static_cast<std::size_t>(tiles_of(rows) * kTile * n));
  pack_turned_tiles(from.rows, from.stride, n, rows, tiles.data());
}

struct SoftmaxRow {
  float sum;
  float log_sum_exp;
};

// Scores [begin, end) of a row become softmax weights in place, times their sum.
TPT_VECTOR_CLONES
SoftmaxRow softmax_row(float* row, std::int64_t begin, std::int64_t end, float scale) {
  const float top = largest(row + begin, end - begin);
  float sum = 0;
  for (std::int64_t j = begin; j < end; ++j) {
    row[j] = fast_exp((row[j] - top) * scale);
    sum += row[j];
  }
  return {sum, top * scale + std::log(sum)};
}

// Scores become weights, gradients of weights become those of the scores.
TPT_VECTOR_CLONES
void softmax_row_backward(float* weights, float* grads, std::int64_t begin, std::int64_t end,
                          float scale, float lse, float delta) {
  for (std::int64_t j = begin; j < end; ++j) {
    const float weight = fast_exp(weights[j] * scale - lse);
    weights[j] = weight;
    grads[j] = weight * (grads[j] - delta) * scale;
  }
}

// Zero outside [begin, end) of [from, to).
void clear_around(float* row, std::int64_t from, std::int64_t begin, std::int64_t end,
                  std::int64_t to) {
  std::fill(row + from, row + begin, 0.0F);
  std::fill(row + end, row + to, 0.0F);
}

TPT_VECTOR_CLONES
void multiply(float* row, std::int64_t n, float factor) {
  for (std::int64_t i = 0; i < n; ++i) row[i] *= factor;
}

TPT_VECTOR_CLONES
float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

HeadAttention::HeadAttention(std::int64_t t, std::int64_t n)
    : t_(t), n_(n), padded_(tiles_of(t) * kTile) {
  weights_.resize(static_cast<std::size_t>(t_ * padded_));
  grad_weights_.resize(weights_.size());
}

void HeadAttention::set_keys_values(ConstHeadRows keys, ConstHeadRows values, Direction direction) {
  pack_across(keys, t_, n_, keys_across_);
  if (direction == Direction::forward) {
    pack(values, t_, n_, values_);
  } else {
    pack_across(values, t_, n_, values_across_);
    pack(keys, t_, n_, keys_);
  }
}

void HeadAttention::forward(ConstHeadRows query, const std::int64_t* first, HeadRows out,
                            float* lse) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(n_));
  const TileProduct product = tile_product();
  std::array<float, kRows> inverse_sums{};
  for (std::int64_t i = 0; i < t_; i += kRows) {
    const std::int64_t rows = std::min(kRows, t_ - i);
    const std::int64_t from = first == nullptr ? 0 : first[i] / kTile * kTile;
    const std::int64_t to = tiles_of(i + rows) * kTile;
    product(query.rows + i * query.stride, query.stride, 1, n_, keys_across_.data() + from * n_, n_,
            weights_.data() + from, padded_, to - from, rows, false);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t begin = first == nullptr ? 0 : first[i + r];
      float* row = weights_.data() + r * padded_;
      const SoftmaxRow softmax = softmax_row(row, begin, i + r + 1, scale);
      lse[i + r] = softmax.log_sum_exp;
      inverse_sums[static_cast<std::size_t>(r)] = 1.0F / softmax.sum;
      clear_around(row, from, begin, i + r + 1, to);
    }
    product(weights_.data() + from, padded_, 1, i + rows - from, values_.data() + from * kTile, t_,
            out.rows + i * out.stride, out.stride, n_, rows, false);
    for (std::int64_t r = 0; r < rows; ++r) {
      multiply(out.rows + (i + r) * out.stride, n_, inverse_sums[static_cast<std::size_t>(r)]);
    }
  }
}

void HeadAttention::backward(ConstHeadRows query, const std::int64_t* first, ConstHeadRows out,
                             const float* lse, ConstHeadRows grad_out, HeadRows grad_query,
                             HeadRows grad_key, HeadRows grad_value) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(n_));
  const TileProduct product = tile_product();
  pack(query, t_, n_, query_);
  pack(grad_out, t_, n_, grad_out_);
  for (std::int64_t i = 0; i < t_; i += kRows) {
    const std::int64_t rows = std::min(kRows, t_ - i);
    const std::int64_t from = first == nullptr ? 0 : first[i] / kTile * kTile;
    const std::int64_t to = tiles_of(i + rows) * kTile;
    float* weights = weights_.data() + i * padded_;
    float* grads = grad_weights_.data() + i * padded_;
    product(query.rows + i * query.stride, query.stride, 1, n_, keys_across_.data() + from * n_, n_,
            weights + from, padded_, to - from, rows, false);
    product(grad_out.rows + i * grad_out.stride, grad_out.stride, 1, n_,
            values_across_.data() + from * n_, n_, grads + from, padded_, to - from, rows, false);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t row = i + r;
      const std::int64_t begin = first == nullptr ? 0 : first[row];
      const float delta =
          dot(grad_out.rows + row * grad_out.stride, out.rows + row * out.stride, n_);
      softmax_row_backward(weights + r * padded_, grads + r * padded_, begin, row + 1, scale,
                           lse[row], delta);
      clear_around(weights + r * padded_, 0, begin, row + 1, to);
      clear_around(grads + r * padded_, 0, begin, row + 1, to);
    }
    product(grads + from, padded_, 1, i + rows - from, keys_.data() + from * kTile, t_,
            grad_query.rows + i * grad_query.stride, grad_query.stride, n_, rows, false);
  }
  // Rows of weights read down their columns: position j is attended to from j on.
  for (std::int64_t j = 0; j < t_; j += kRows) {
    const std::int64_t rows = std::min(kRows, t_ - j);
    const std::int64_t corner = j * padded_ + j;
    product(weights_.data() + corner, 1, padded_, t_ - j, grad_out_.data() + j * kTile, t_,
            grad_value.rows + j * grad_value.stride, grad_value.stride, n_, rows, true);
    product(grad_weights_.data() + corner, 1, padded_, t_ - j, query_.data() + j * kTile, t_,
            grad_key.rows + j * grad_key.stride, grad_key.stride, n_, rows, true);
  }
}

}  // namespace tpt::model
