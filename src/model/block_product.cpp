#include "model/block_product.h"

#include "base/error.h"
#include "model/bf16_pairs.h"
#include "model/tile_product.h"
#include "model/tiles.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tpt::model {
namespace {

// Elements of the sums, so that a tile stays in the cache nearest to the processor, and of the
// columns, so that all tiles stay in the next one.
constexpr std::int64_t kDepth = 384;
constexpr std::int64_t kPackedElements = std::int64_t{1} << 18;
// Rows that each tile is multiplied with while it is near.
constexpr std::int64_t kBlockRows = 8 * kRows;

// Element (i, j) stands at values[i * row_stride + j * column_stride]; one stride is 1.
struct Matrix {
  const float* values = nullptr;
  std::int64_t row_stride = 0, column_stride = 1;

  bool is_turned() const { return column_stride != 1; }
  const float* at(std::int64_t row, std::int64_t column) const {
    return values + row * row_stride + column * column_stride;
  }
};

Matrix matrix_of(const at::Tensor& tensor) {
  TPT_CHECK(tensor.dim() == 2 && tensor.is_cpu() && tensor.scalar_type() == at::kFloat);
  TPT_CHECK(tensor.stride(0) == 1 || tensor.stride(1) == 1 || tensor.numel() == 0);
  return {tensor.const_data_ptr<float>(), tensor.stride(0), tensor.stride(1)};
}

struct Block {
  std::int64_t from = 0, count = 0;
};

// Blocks of about equal size, of at most `most`.
std::int64_t blocks_of(std::int64_t total, std::int64_t most) {
  return std::max<std::int64_t>(1, (total + most - 1) / most);
}

Block block_of(std::int64_t number, std::int64_t total, std::int64_t blocks) {
  const std::int64_t from = total * number / blocks;
  return {from, total * (number + 1) / blocks - from};
}

// What the small product reads, and how it finds rows in it.
template <typename Element>
struct Rows {
  const Element* first = nullptr;
  std::int64_t row_stride = 0, in_stride = 1;
  std::int64_t block_stride = 0;  // from kRows rows to the next
};

// Tiles of [depth, columns] of a matrix, by what packs one that stands straight or turned.
template <typename Element>
using PackTiles = void (*)(const float* from, std::int64_t stride, std::int64_t depth,
                           std::int64_t columns, Element* tiles);

template <typename Element>
void pack_block(PackTiles<Element> straight, PackTiles<Element> turned, const Matrix& right,
                Block depth, Block columns, Element* tiles) {
  const PackTiles<Element> pack = right.is_turned() ? turned : straight;
  pack(right.at(depth.from, columns.from),
       right.is_turned() ? right.column_stride : right.row_stride, depth.count, columns.count,
       tiles);
}

// How matrices are laid out for a small product. Sums are counted in its elements.
struct Fp32Layout {
  using Element = float;
  static constexpr std::int64_t kPerElement = 1;
  static TileProduct product() { return tile_product(); }

  static void pack(const Matrix& right, Block depth, Block columns, float* tiles) {
    pack_block<float>(pack_tiles, pack_turned_tiles, right, depth, columns, tiles);
  }

  // Rows that stand side by side are laid out in `near` so that a sum reads forward: [rows / kRows,
  // depth, kRows].
  static Rows<float> rows(const Matrix& left, Block rows, Block depth, float* near) {
    const float* corner = left.at(rows.from, depth.from);
    if (!left.is_turned()) return {corner, left.row_stride, 1, kRows * left.row_stride};
    for (std::int64_t r = 0; r < rows.count; r += kRows) {
      const std::int64_t count = std::min(kRows, rows.count - r);
      for (std::int64_t k = 0; k < depth.count; ++k) {
        const float* column = corner + r + k * left.column_stride;
        float* to = near + r * depth.count + k * kRows;
        if (count == kRows) {
          std::memcpy(to, column, kRows * sizeof(float));
        } else {
          std::copy_n(column, count, to);
        }
      }
    }
    return {near, 1, kRows, kRows * depth.count};
  }
};

// In fp32 as above, of rounded numbers.
struct RoundedLayout : Fp32Layout {
  static void pack(const Matrix& right, Block depth, Block columns, float* tiles) {
    Fp32Layout::pack(right, depth, columns, tiles);
    round_to_bf16(tiles, tiles_of(columns.count) * kTile * depth.count);
  }

  static Rows<float> rows(const Matrix& left, Block rows, Block depth, float* near) {
    if (left.is_turned()) {
      const Rows<float> found = Fp32Layout::rows(left, rows, depth, near);
      round_to_bf16(near, blocks_of(rows.count, kRows) * kRows * depth.count);
      return found;
    }
    for (std::int64_t r = 0; r < rows.count; ++r) {
      std::copy_n(left.at(rows.from + r, depth.from), depth.count, near + r * depth.count);
    }
    round_to_bf16(near, rows.count * depth.count);
    return {near, depth.count, 1, kRows * depth.count};
  }
};

struct PairLayout {
  using Element = Bf16Pair;
  static constexpr std::int64_t kPerElement = 2;
  static PairProduct product() { return pair_product(); }

  static void pack(const Matrix& right, Block depth, Block columns, Bf16Pair* tiles) {
    pack_block<Bf16Pair>(pack_pair_tiles, pack_turned_pair_tiles, right, depth, columns, tiles);
  }

  static Rows<Bf16Pair> rows(const Matrix& left, Block rows, Block depth, Bf16Pair* near) {
    const float* corner = left.at(rows.from, depth.from);
    const std::int64_t pairs = pairs_of(depth.count);
    if (left.is_turned()) {
      pack_turned_pair_rows(corner, left.column_stride, rows.count, depth.count, near);
      return {near, 1, kRows, kRows * pairs};
    }
    pack_pair_rows(corner, left.row_stride, rows.count, depth.count, near);
    return {near, pairs, 1, kRows * pairs};
  }
};

template <typename Layout>
std::int64_t elements_of(std::int64_t depth) {
  return (depth + Layout::kPerElement - 1) / Layout::kPerElement;
}

// Rows by one block of depth and columns, of which the tiles are packed.
template <typename Layout>
void multiply_rows(const Matrix& left, const at::Tensor& out, const typename Layout::Element* tiles,
                   Block rows, Block depth, Block columns, bool add) {
  std::array<typename Layout::Element, kBlockRows * kDepth> near;
  const auto product = Layout::product();
  const auto x = Layout::rows(left, rows, depth, near.data());
  const std::int64_t elements = elements_of<Layout>(depth.count);
  const std::int64_t out_stride = out.stride(0);
  float* corner = out.mutable_data_ptr<float>() + rows.from * out_stride + columns.from;
  for (std::int64_t c = 0; c < columns.count; c += kTile) {
    for (std::int64_t r = 0; r < rows.count; r += kRows) {
      product(x.first + r / kRows * x.block_stride, x.row_stride, x.in_stride, elements,
              tiles + c * elements, elements, corner + r * out_stride + c, out_stride,
              std::min(kTile, columns.count - c), std::min(kRows, rows.count - r), add);
    }
  }
}

template <typename Layout>
void multiply_blocks(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                     bool add) {
  using Element = typename Layout::Element;
  static_assert(sizeof(Element) == sizeof(float));
  const Matrix left_matrix = matrix_of(left), right_matrix = matrix_of(right);
  TPT_CHECK(out.dim() == 2 && out.stride(1) == 1);
  const std::int64_t m = left.size(0), k = left.size(1), n = right.size(1);
  TPT_CHECK(right.size(0) == k && out.size(0) == m && out.size(1) == n,
            "[{}, {}] x [{}, {}] -> [{}, {}]", m, k, right.size(0), n, out.size(0), out.size(1));
  const std::int64_t depths = blocks_of(k, kDepth * Layout::kPerElement);
  const std::int64_t deepest = elements_of<Layout>(blocks_of(k, depths));
  const std::int64_t most_columns = std::max(kTile, kPackedElements / deepest / kTile * kTile);
  const at::Tensor packed =
      at::empty({std::min(most_columns, tiles_of(n) * kTile) * deepest}, out.options());
  auto* tiles = static_cast<Element*>(packed.mutable_data_ptr());
  for (std::int64_t first = 0; first < n; first += most_columns) {
    const Block columns{first, std::min(most_columns, n - first)};
    for (std::int64_t number = 0; number < depths; ++number) {
      const Block depth = block_of(number, k, depths);
      const std::int64_t elements = elements_of<Layout>(depth.count);
      at::parallel_for(0, tiles_of(columns.count), 4, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t from = begin * kTile;
        Layout::pack(right_matrix, depth,
                     {first + from, std::min(end * kTile, columns.count) - from},
                     tiles + from * elements);
      });
      at::parallel_for(0, blocks_of(m, kBlockRows), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin * kBlockRows; r < std::min(end * kBlockRows, m);
             r += kBlockRows) {
          multiply_rows<Layout>(left_matrix, out, tiles, {r, std::min(kBlockRows, m - r)}, depth,
                                columns, add || number > 0);
        }
      });
    }
  }
}

}  // namespace

void multiply_by_tiles(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add) {
  multiply_blocks<Fp32Layout>(left, right, out, add);
}

void multiply_rounded_by_tiles(const at::Tensor& left, const at::Tensor& right,
                               const at::Tensor& out, bool add) {
  multiply_blocks<RoundedLayout>(left, right, out, add);
}

bool can_multiply_by_pairs() { return pair_product() != nullptr; }

void multiply_by_pairs(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add) {
  TPT_CHECK(can_multiply_by_pairs());
  multiply_blocks<PairLayout>(left, right, out, add);
}

}  // namespace tpt::model
