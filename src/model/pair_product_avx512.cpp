#include "model/tile_product_rows.h"

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace tpt::model {
#ifdef __AVX512BF16__
namespace {

struct Bf16PairTerms {
  static constexpr int kLanes = 16;
  using Element = Bf16Pair;
  using Lanes = LanesOf<kLanes>::Type;
  static Lanes plus(Lanes sums, Bf16Pair x, Lanes pairs) {
    const auto broadcast = _mm512_set1_epi32(static_cast<int>(x));
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(broadcast),
                            reinterpret_cast<__m512bh>(pairs));
  }
};

}  // namespace

PairProduct avx512_pair_product() { return product<Bf16PairTerms, 12>; }
#else
PairProduct avx512_pair_product() { return nullptr; }
#endif

}  // namespace tpt::model
