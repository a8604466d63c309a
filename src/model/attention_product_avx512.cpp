#include "model/attention_product_rows.h"

namespace tpt::model {

AttentionProduct avx512_attention_product() {
#ifdef __AVX512F__
  return product<16>;
#else
  return nullptr;
#endif
}

}  // namespace tpt::model
