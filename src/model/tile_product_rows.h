// What the files of tile_product.h share: the product with vectors as wide as the registers of
// the file that includes this. Wider ones would live in memory. Nothing here may be seen by the
// linker from two files, since each is compiled for other machines.
#pragma once

#include "model/tile_product.h"

#include <cstring>

namespace tpt::model {
namespace {

// One by one: the compiler drops the attribute where the size depends on a template's argument.
template <int kLanes>
struct LanesOf;
template <>
struct LanesOf<4> {
  using Type = float __attribute__((vector_size(16)));
};
template <>
struct LanesOf<8> {
  using Type = float __attribute__((vector_size(32)));
};
template <>
struct LanesOf<16> {
  using Type = float __attribute__((vector_size(64)));
};

// Terms of sums of fp32: what a product is made of, and how.
template <int kTermLanes>
struct Fp32Terms {
  static constexpr int kLanes = kTermLanes;
  using Element = float;
  using Lanes = typename LanesOf<kLanes>::Type;
  static Lanes plus(Lanes sums, float x, Lanes elements) { return sums + x * elements; }
};

// R rows of 2 kLanes columns; writes the first `columns` of them.
template <typename Terms, int R>
inline void product_block(const typename Terms::Element* x, std::int64_t row_stride,
                          std::int64_t in_stride, std::int64_t in,
                          const typename Terms::Element* tile, float* y, std::int64_t y_stride,
                          std::int64_t columns, bool add) {
  constexpr int kLanes = Terms::kLanes;
  using Lanes = typename Terms::Lanes;
  static_assert(sizeof(Lanes) == kLanes * sizeof(typename Terms::Element));
  Lanes low_sums[R] = {};
  Lanes high_sums[R] = {};
  for (std::int64_t i = 0; i < in; ++i) {
    Lanes low;
    Lanes high;
    std::memcpy(&low, tile + i * kTile, sizeof(low));
    std::memcpy(&high, tile + i * kTile + kLanes, sizeof(high));
    const auto* column = x + i * in_stride;
    for (int r = 0; r < R; ++r) {
      low_sums[r] = Terms::plus(low_sums[r], column[r * row_stride], low);
      high_sums[r] = Terms::plus(high_sums[r], column[r * row_stride], high);
    }
  }
  for (int r = 0; r < R; ++r) {
    float* to = y + r * y_stride;
    if (columns >= 2 * kLanes) {
      Lanes low = {};
      Lanes high = {};
      if (add) {
        std::memcpy(&low, to, sizeof(low));
        std::memcpy(&high, to + kLanes, sizeof(high));
      }
      low += low_sums[r];
      high += high_sums[r];
      std::memcpy(to, &low, sizeof(low));
      std::memcpy(to + kLanes, &high, sizeof(high));
      continue;
    }
    float sums[2 * kLanes];
    std::memcpy(sums, &low_sums[r], sizeof(Lanes));
    std::memcpy(sums + kLanes, &high_sums[r], sizeof(Lanes));
    for (std::int64_t c = 0; c < columns; ++c) to[c] = add ? to[c] + sums[c] : sums[c];
  }
}

// The next rows that R, or else fewer, take at once; gives how many were done.
template <typename Terms, int R>
inline std::int64_t some_rows(const typename Terms::Element* x, std::int64_t row_stride,
                              std::int64_t in_stride, std::int64_t in,
                              const typename Terms::Element* tile, float* y, std::int64_t y_stride,
                              std::int64_t columns, std::int64_t rows, bool add) {
  if (rows >= R) {
    product_block<Terms, R>(x, row_stride, in_stride, in, tile, y, y_stride, columns, add);
    return R;
  }
  if constexpr (R > 1) {
    return some_rows<Terms, (R > 4 ? 4 : 1)>(x, row_stride, in_stride, in, tile, y, y_stride,
                                             columns, rows, add);
  }
  return rows;
}

// R: rows whose sums fit the registers.
template <typename Terms, int R>
void product(const typename Terms::Element* x, std::int64_t row_stride, std::int64_t in_stride,
             std::int64_t in, const typename Terms::Element* tiles, std::int64_t tile_rows,
             float* y, std::int64_t y_stride, std::int64_t columns, std::int64_t rows, bool add) {
  constexpr std::int64_t kBlock = std::int64_t{2} * Terms::kLanes;
  static_assert(kTile % kBlock == 0 && kRows % R == 0);
  for (std::int64_t c = 0; c < columns; c += kBlock) {
    const auto* tile = tiles + c / kTile * kTile * tile_rows + c % kTile;
    for (std::int64_t r = 0; r < rows;) {
      r += some_rows<Terms, R>(x + r * row_stride, row_stride, in_stride, in, tile,
                               y + r * y_stride + c, y_stride, columns - c, rows - r, add);
    }
  }
}

}  // namespace
}  // namespace tpt::model
