#include "model/tile_product_rows.h"

namespace tpt::model {

TileProduct avx2_tile_product() {
#ifdef __AVX2__
  return product<Fp32Terms<8>, 6>;
#else
  return nullptr;
#endif
}

}  // namespace tpt::model
