// fp32 rounded to bf16, to the nearest, ties to even; and matrices of it laid out for PairProduct
// (tile_product.h): two neighbours of a sum in one element, a last one beside zero.
#pragma once

#include "model/tile_product.h"

#include <cstdint>

namespace tpt::model {

// In place; what is no number stays none.
void round_to_bf16(float* values, std::int64_t count);

inline std::int64_t pairs_of(std::int64_t depth) { return (depth + 1) / 2; }

// [depth, columns], of which rows stand `stride` apart -> [columns / kTile, pairs, kTile]. What a
// last tile has beyond the columns is left as it was.
void pack_pair_tiles(const float* from, std::int64_t stride, std::int64_t depth,
                     std::int64_t columns, Bf16Pair* tiles);
// The same of a matrix that stands turned: [columns, depth].
void pack_turned_pair_tiles(const float* from, std::int64_t stride, std::int64_t depth,
                            std::int64_t columns, Bf16Pair* tiles);

// [rows, depth], of which rows stand `stride` apart -> [rows, pairs].
void pack_pair_rows(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                    Bf16Pair* pairs);
// The same of a matrix that stands turned: [depth, rows] -> [rows / kRows, pairs, kRows].
void pack_turned_pair_rows(const float* from, std::int64_t stride, std::int64_t rows,
                           std::int64_t depth, Bf16Pair* pairs);

}  // namespace tpt::model
