#include "model/tile_product.h"

#include "model/tile_product_rows.h"

namespace tpt::model {
namespace {

TileProduct best_product() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && avx512_tile_product() != nullptr) {
    return avx512_tile_product();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      avx2_tile_product() != nullptr) {
    return avx2_tile_product();
  }
#endif
  return portable_tile_product();
}

}  // namespace

TileProduct portable_tile_product() { return product<4, 4>; }

TileProduct tile_product() {
  static const TileProduct best = best_product();
  return best;
}

}  // namespace tpt::model
