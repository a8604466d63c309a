#include "model/attention_product_rows.h"

namespace tpt::model {

AttentionProduct avx2_attention_product() {
#ifdef __AVX2__
  return product<8>;
#else
  return nullptr;
#endif
}

}  // namespace tpt::model
