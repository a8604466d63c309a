#include "model/tile_product_rows.h"

namespace tpt::model {

TileProduct avx512_tile_product() {
#ifdef __AVX512F__
  return product<Fp32Terms<16>, 12>;
#else
  return nullptr;
#endif
}

}  // namespace tpt::model
