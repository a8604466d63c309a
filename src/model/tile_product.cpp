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

TileProduct portable_tile_product() { return product<Fp32Terms<4>, 4>; }

TileProduct tile_product() {
  static const TileProduct best = best_product();
  return best;
}

PairProduct pair_product() {
#ifdef __x86_64__
  static const bool has_instruction =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16");
  return has_instruction ? avx512_pair_product() : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace tpt::model
