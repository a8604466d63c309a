#include "model/bf16_pairs.h"

#include "model/tiles.h"
#include "model/vector_clones.h"

#include <algorithm>
#include <array>
#include <bit>

namespace tpt::model {
namespace {

// bf16 in the upper half; what the lower one holds is to be dropped.
inline std::uint32_t rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t nearest = bits + 0x7fffU + ((bits >> 16U) & 1U);
  const bool is_number = static_cast<std::int32_t>(bits & 0x7fffffffU) <= 0x7f800000;
  return is_number ? nearest : bits | 0x400000U;
}

inline Bf16Pair pair(float first, float second) {
  return (rounded(first) >> 16U) | (rounded(second) & 0xffff0000U);
}

// Neighbours of one row.
inline void pair_within(const float* row, std::int64_t depth, Bf16Pair* pairs) {
  const std::int64_t whole = depth / 2;
  for (std::int64_t i = 0; i < whole; ++i) pairs[i] = pair(row[2 * i], row[2 * i + 1]);
  if (depth % 2 != 0) pairs[whole] = pair(row[depth - 1], 0.0F);
}

// Neighbours of one column.
inline void pair_between(const float* first, const float* second, std::int64_t count,
                         Bf16Pair* pairs) {
  for (std::int64_t i = 0; i < count; ++i) pairs[i] = pair(first[i], second[i]);
}

inline void pair_with_zero(const float* first, std::int64_t count, Bf16Pair* pairs) {
  for (std::int64_t i = 0; i < count; ++i) pairs[i] = pair(first[i], 0.0F);
}

// Columns [from, from + count) of a matrix of `depth` rows; pairs stand `step` apart. kCount, where
// it is not 0, is the count that the compiler is to know.
template <std::int64_t kCount>
inline void pair_columns(const float* from, std::int64_t stride, std::int64_t depth,
                         std::int64_t any_count, Bf16Pair* to, std::int64_t step) {
  const std::int64_t count = kCount != 0 ? kCount : any_count;
  for (std::int64_t i = 0; i < depth / 2; ++i) {
    const float* row = from + 2 * i * stride;
    pair_between(row, row + stride, count, to + i * step);
  }
  if (depth % 2 != 0) {
    pair_with_zero(from + (depth - 1) * stride, count, to + depth / 2 * step);
  }
}

}  // namespace

TPT_VECTOR_CLONES
void round_to_bf16(float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    values[i] = std::bit_cast<float>(rounded(values[i]) & 0xffff0000U);
  }
}

TPT_VECTOR_CLONES
void pack_pair_tiles(const float* from, std::int64_t stride, std::int64_t depth,
                     std::int64_t columns, Bf16Pair* tiles) {
  for (std::int64_t c = 0; c < columns; c += kTile) {
    Bf16Pair* tile = tiles + c * pairs_of(depth);
    if (columns - c >= kTile) {
      pair_columns<kTile>(from + c, stride, depth, kTile, tile, kTile);
    } else {
      pair_columns<0>(from + c, stride, depth, columns - c, tile, kTile);
    }
  }
}

TPT_VECTOR_CLONES
void pack_turned_pair_tiles(const float* from, std::int64_t stride, std::int64_t depth,
                            std::int64_t columns, Bf16Pair* tiles) {
  constexpr std::int64_t kPairs = 64;
  std::array<Bf16Pair, kTile * kPairs> near;
  for (std::int64_t c = 0; c < columns; c += kTile) {
    const std::int64_t width = std::min(kTile, columns - c);
    for (std::int64_t i = 0; i < pairs_of(depth); i += kPairs) {
      const std::int64_t part = std::min(2 * kPairs, depth - 2 * i);
      for (std::int64_t r = 0; r < width; ++r) {
        pair_within(from + (c + r) * stride + 2 * i, part, near.data() + r * kPairs);
      }
      pack_turned_tiles(near.data(), kPairs, pairs_of(part), width,
                        tiles + c * pairs_of(depth) + i * kTile);
    }
  }
}

TPT_VECTOR_CLONES
void pack_pair_rows(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                    Bf16Pair* pairs) {
  for (std::int64_t r = 0; r < rows; ++r) {
    pair_within(from + r * stride, depth, pairs + r * pairs_of(depth));
  }
}

TPT_VECTOR_CLONES
void pack_turned_pair_rows(const float* from, std::int64_t stride, std::int64_t rows,
                           std::int64_t depth, Bf16Pair* pairs) {
  for (std::int64_t r = 0; r < rows; r += kRows) {
    Bf16Pair* to = pairs + r * pairs_of(depth);
    if (rows - r >= kRows) {
      pair_columns<kRows>(from + r, stride, depth, kRows, to, kRows);
    } else {
      pair_columns<0>(from + r, stride, depth, rows - r, to, kRows);
    }
  }
}

}  // namespace tpt::model
