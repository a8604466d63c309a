// The small product that attention and our own products of matrices are made of, compiled for
// several instruction sets and chosen when it is first asked for.
#pragma once

#include <cstdint>

namespace tpt::model {

// Columns of a tile, and rows that are multiplied at once.
constexpr std::int64_t kTile = 32;
constexpr std::int64_t kRows = 12;

// y [rows, columns] = x [rows, in] tiles, or added to y with `add`. x has its own stride each way,
// so that it can be read transposed; tiles are [columns / kTile, tile_rows, kTile], of which the
// first `in` rows are read; at most kRows rows. Where a row of y ends inside a tile nothing is
// written behind it.
template <typename Element>
using TileProductOf = void (*)(const Element* x, std::int64_t row_stride, std::int64_t in_stride,
                               std::int64_t in, const Element* tiles, std::int64_t tile_rows,
                               float* y, std::int64_t y_stride, std::int64_t columns,
                               std::int64_t rows, bool add);

using TileProduct = TileProductOf<float>;
// Two neighbours of a sum as bf16 in one element, the first in its low half; `in` counts such
// pairs. Sums are fp32.
using Bf16Pair = std::uint32_t;
using PairProduct = TileProductOf<Bf16Pair>;

// The fastest that this machine can run.
TileProduct tile_product();

// Each; null where the program was compiled for machines without it.
TileProduct portable_tile_product();
TileProduct avx2_tile_product();
TileProduct avx512_tile_product();

// By the instruction for pairs of bf16; null where this machine has none.
PairProduct pair_product();
PairProduct avx512_pair_product();

}  // namespace tpt::model
