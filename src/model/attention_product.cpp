#include "model/attention_product.h"

#include "model/attention_product_rows.h"

namespace tpt::model {
namespace {

AttentionProduct best_product() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && avx512_attention_product() != nullptr) {
    return avx512_attention_product();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      avx2_attention_product() != nullptr) {
    return avx2_attention_product();
  }
#endif
  return portable_attention_product();
}

}  // namespace

AttentionProduct portable_attention_product() { return product<4>; }

AttentionProduct attention_product() {
  static const AttentionProduct best = best_product();
  return best;
}

}  // namespace tpt::model
