// Matrices laid out for tile_product.h: tiles of kTile columns, the rows of a tile one after the
// other.
#pragma once

#include <cstdint>

namespace tpt::model {

// Whole tiles that hold so many columns.
std::int64_t tiles_of(std::int64_t columns);

// [rows, columns], of which rows stand `stride` apart -> [columns / kTile, rows, kTile]. What a
// last tile has beyond the columns is left as it was.
void pack_tiles(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                float* tiles);

// The same of a matrix that stands turned: [columns, rows], of which columns stand `stride` apart.
// Of float and Bf16Pair.
template <typename Element>
void pack_turned_tiles(const Element* from, std::int64_t stride, std::int64_t rows,
                       std::int64_t columns, Element* tiles);

}  // namespace tpt::model
