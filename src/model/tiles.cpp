#include "model/tiles.h"

#include "model/tile_product.h"

#include <algorithm>
#include <cstring>

namespace tpt::model {
namespace {

// Four rows of four numbers, turned.
template <typename Element>
void turn_four(const Element* from, std::int64_t stride, Element* to, std::int64_t to_stride) {
  static_assert(sizeof(Element) == sizeof(float));
  using Lanes = float __attribute__((vector_size(16)));
  Lanes a;
  Lanes b;
  Lanes c;
  Lanes d;
  std::memcpy(&a, from, sizeof(a));
  std::memcpy(&b, from + stride, sizeof(b));
  std::memcpy(&c, from + 2 * stride, sizeof(c));
  std::memcpy(&d, from + 3 * stride, sizeof(d));
  const Lanes ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const Lanes ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const Lanes cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const Lanes cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
  c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
  d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
  std::memcpy(to, &a, sizeof(a));
  std::memcpy(to + to_stride, &b, sizeof(b));
  std::memcpy(to + 2 * to_stride, &c, sizeof(c));
  std::memcpy(to + 3 * to_stride, &d, sizeof(d));
}

}  // namespace

std::int64_t tiles_of(std::int64_t columns) { return (columns + kTile - 1) / kTile; }

void pack_tiles(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                float* tiles) {
  for (std::int64_t c = 0; c < columns; c += kTile) {
    const auto bytes = static_cast<std::size_t>(std::min(kTile, columns - c)) * sizeof(float);
    for (std::int64_t i = 0; i < rows; ++i) {
      std::memcpy(tiles + c * rows + i * kTile, from + i * stride + c, bytes);
    }
  }
}

template <typename Element>
void pack_turned_tiles(const Element* from, std::int64_t stride, std::int64_t rows,
                       std::int64_t columns, Element* tiles) {
  constexpr std::int64_t kTurned = 4;
  static_assert(kTile % kTurned == 0);
  for (std::int64_t c = 0; c < columns; c += kTurned) {
    Element* to = tiles + c / kTile * kTile * rows + c % kTile;
    const Element* column = from + c * stride;
    std::int64_t i = 0;
    if (c + kTurned <= columns) {
      for (; i + kTurned <= rows; i += kTurned) {
        turn_four(column + i, stride, to + i * kTile, kTile);
      }
    }
    for (std::int64_t r = 0; r < std::min(kTurned, columns - c); ++r) {
      for (std::int64_t rest = i; rest < rows; ++rest) {
        to[rest * kTile + r] = column[r * stride + rest];
      }
    }
  }
}

template void pack_turned_tiles(const float*, std::int64_t, std::int64_t, std::int64_t, float*);
template void pack_turned_tiles(const Bf16Pair*, std::int64_t, std::int64_t, std::int64_t,
                                Bf16Pair*);

}  // namespace tpt::model
