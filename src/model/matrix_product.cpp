#include "model/matrix_product.h"

#include "base/error.h"
#include "model/tile_product.h"
#include "model/tiles.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace tpt::model {
namespace {

// Of the sums, so that a tile stays in the cache nearest to the processor, and of the columns, so
// that all tiles stay in the next one.
constexpr std::int64_t kDepth = 384;
constexpr std::int64_t kPackedElements = std::int64_t{1} << 18;
// Rows that each tile is multiplied with while it is near.
constexpr std::int64_t kBlockRows = 8 * kRows;

// Element (i, j) stands at values[i * row_stride + j * column_stride]; one stride is 1.
struct Matrix {
  const float* values = nullptr;
  std::int64_t row_stride = 0, column_stride = 1;
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
Block block_of(std::int64_t number, std::int64_t total, std::int64_t blocks) {
  const std::int64_t from = total * number / blocks;
  return {from, total * (number + 1) / blocks - from};
}

std::int64_t blocks_of(std::int64_t total, std::int64_t most) {
  return std::max<std::int64_t>(1, (total + most - 1) / most);
}

bool is_library_slow() {
#ifdef __x86_64__
  return at::hasMKL() && __builtin_cpu_is("amd") && __builtin_cpu_supports("avx2") &&
         __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

// Tiles of [depth, columns] of a matrix.
void pack(const Matrix& from, Block depth, Block columns, float* tiles) {
  const float* corner =
      from.values + depth.from * from.row_stride + columns.from * from.column_stride;
  if (from.column_stride == 1) {
    pack_tiles(corner, from.row_stride, depth.count, columns.count, tiles);
  } else {
    pack_turned_tiles(corner, from.column_stride, depth.count, columns.count, tiles);
  }
}

// One block of depth and columns, of which the tiles are packed.
class BlockProduct {
 public:
  BlockProduct(const Matrix& left, const at::Tensor& out, const float* tiles, Block depth,
               Block columns, bool add)
      : left_(left),
        out_(out.mutable_data_ptr<float>()),
        out_stride_(out.stride(0)),
        tiles_(tiles),
        depth_(depth),
        columns_(columns),
        add_(add) {}

  // Of the rows [begin, end), at most kBlockRows.
  void rows(std::int64_t begin, std::int64_t end) const {
    std::array<float, kBlockRows * kDepth> turned;
    if (left_.column_stride != 1) {
      turn(begin, end, turned.data());
    }
    for (std::int64_t c = 0; c < columns_.count; c += kTile) {
      for (std::int64_t r = begin; r < end; r += kRows) {
        const bool is_turned = left_.column_stride != 1;
        const float* x = is_turned ? turned.data() + (r - begin) * depth_.count
                                   : left_.values + r * left_.row_stride + depth_.from;
        product_(x, is_turned ? 1 : left_.row_stride, is_turned ? kRows : 1, depth_.count,
                 tiles_ + c * depth_.count, depth_.count,
                 out_ + r * out_stride_ + columns_.from + c, out_stride_,
                 std::min(kTile, columns_.count - c), std::min(kRows, end - r), add_);
      }
    }
  }

 private:
  // Rows that stand side by side, laid out so that a sum reads forward: [rows / kRows, depth,
  // kRows].
  void turn(std::int64_t begin, std::int64_t end, float* turned) const {
    for (std::int64_t r = begin; r < end; r += kRows) {
      const float* from = left_.values + r + depth_.from * left_.column_stride;
      float* to = turned + (r - begin) * depth_.count;
      const std::int64_t rows = std::min(kRows, end - r);
      for (std::int64_t k = 0; k < depth_.count; ++k) {
        const float* column = from + k * left_.column_stride;
        if (rows == kRows) {
          std::memcpy(to + k * kRows, column, kRows * sizeof(float));
        } else {
          std::copy_n(column, rows, to + k * kRows);
        }
      }
    }
  }

  TileProduct product_ = tile_product();
  const Matrix& left_;
  float* out_;
  std::int64_t out_stride_;
  const float* tiles_;
  Block depth_, columns_;
  bool add_;
};

}  // namespace

void multiply_by_tiles(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out,
                       bool add) {
  const Matrix left_matrix = matrix_of(left), right_matrix = matrix_of(right);
  TPT_CHECK(out.dim() == 2 && out.stride(1) == 1);
  const std::int64_t m = left.size(0), k = left.size(1), n = right.size(1);
  TPT_CHECK(right.size(0) == k && out.size(0) == m && out.size(1) == n,
            "[{}, {}] x [{}, {}] -> [{}, {}]", m, k, right.size(0), n, out.size(0), out.size(1));
  const std::int64_t depths = blocks_of(k, kDepth);
  const std::int64_t deepest = blocks_of(k, depths);
  const std::int64_t most_columns = std::max(kTile, kPackedElements / deepest / kTile * kTile);
  const at::Tensor packed =
      at::empty({std::min(most_columns, tiles_of(n) * kTile) * deepest}, out.options());
  auto* tiles = packed.mutable_data_ptr<float>();
  for (std::int64_t first = 0; first < n; first += most_columns) {
    const Block columns{first, std::min(most_columns, n - first)};
    for (std::int64_t number = 0; number < depths; ++number) {
      const Block depth = block_of(number, k, depths);
      at::parallel_for(0, tiles_of(columns.count), 4, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t from = begin * kTile;
        pack(right_matrix, depth, {first + from, std::min(end * kTile, columns.count) - from},
             tiles + from * depth.count);
      });
      const BlockProduct product(left_matrix, out, tiles, depth, columns, add || number > 0);
      at::parallel_for(0, blocks_of(m, kBlockRows), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t block = begin; block < end; ++block) {
          product.rows(block * kBlockRows, std::min((block + 1) * kBlockRows, m));
        }
      });
    }
  }
}

void multiply(const at::Tensor& left, const at::Tensor& right, const at::Tensor& out, bool add) {
  static const bool by_tiles = is_library_slow();
  if (by_tiles) {
    multiply_by_tiles(left, right, out, add);
  } else if (add) {
    out.detach().addmm_(left, right);
  } else {
    at::Tensor to = out.detach();
    at::mm_out(to, left, right);
  }
}

}  // namespace tpt::model
