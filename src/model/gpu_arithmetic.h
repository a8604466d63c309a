// What the kernels of gpu_kernels.h compute for one element: the same code on the GPU and on the
// host.
#pragma once

#include "model/gpu_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define TPT_ON_BOTH __host__ __device__
#else
#define TPT_ON_BOTH
#endif

namespace tpt::model {

struct Bf16 {
  std::uint16_t bits;
};

TPT_ON_BOTH inline float to_float(float value) { return value; }
TPT_ON_BOTH inline float to_float(Bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16U;
  float result;
  memcpy(&result, &bits, sizeof result);
  return result;
}

TPT_ON_BOTH inline void put(float& place, float value) { place = value; }
// To the nearest, ties to even; what is not a number stays so.
TPT_ON_BOTH inline void put(Bf16& place, float value) {
  std::uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) {
    place.bits = 0x7FC0U;
    return;
  }
  place.bits = static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

// An element of out. Rows and columns come apart: to divide a place by f would take a GPU longer
// than the rest.
template <typename T>
TPT_ON_BOTH inline void gate_element(const T* gate_up, T* out, std::int64_t f, std::int64_t row,
                                     std::int64_t column) {
  const std::int64_t at = row * 2 * f + column;
  const float gate = to_float(gate_up[at]), up = to_float(gate_up[at + f]);
  put(out[row * f + column], gate / (1.0F + expf(-gate)) * up);
}

// An element of grad; two of out.
template <typename T>
TPT_ON_BOTH inline void gate_backward_element(const T* grad, const T* gate_up, T* out,
                                              std::int64_t f, std::int64_t row,
                                              std::int64_t column) {
  const std::int64_t at = row * 2 * f + column;
  const float gate = to_float(gate_up[at]), up = to_float(gate_up[at + f]);
  const float slope = to_float(grad[row * f + column]);
  const float sigmoid = 1.0F / (1.0F + expf(-gate));
  put(out[at], slope * up * sigmoid * (1.0F + gate * (1.0F - sigmoid)));
  put(out[at + f], slope * gate * sigmoid);
}

// A pair of floats of a head: its place in qkv and among queries, keys or values.
template <typename T>
struct Pair {
  T* joined;
  T* apart;
  std::int64_t half;
  float cosine, sine;
};

// How many pairs a position has.
TPT_ON_BOTH inline std::int64_t pairs_of(HeadShape shape) {
  return (shape.heads + 2 * shape.kv_heads) * (shape.head_dim / 2);
}

// Values are turned by nothing.
template <typename T>
TPT_ON_BOTH inline Pair<T> pair_of(T* qkv, HeadPlaces places, const float* cosines,
                                   const float* sines, HeadShape shape, std::int64_t position,
                                   std::int32_t pair) {
  const auto half = static_cast<std::int32_t>(shape.head_dim / 2);
  const std::int64_t all = shape.heads + 2 * shape.kv_heads;
  const std::int64_t head = pair / half, place = pair % half;
  T* base = static_cast<T*>(places.queries);
  std::int64_t number = head, count = shape.heads;
  if (head >= shape.heads) {
    const bool is_key = head < shape.heads + shape.kv_heads;
    base = static_cast<T*>(is_key ? places.keys : places.values);
    number = head - shape.heads - (is_key ? 0 : shape.kv_heads);
    count = shape.kv_heads;
  }
  const bool turns = head < shape.heads + shape.kv_heads;
  return {qkv + (position * all + head) * shape.head_dim + place,
          base + (position * count + number) * shape.head_dim + place, half,
          turns ? cosines[position * half + place] : 1.0F,
          turns ? sines[position * half + place] : 0.0F};
}

template <typename T>
TPT_ON_BOTH inline void split_pair(const Pair<T>& pair) {
  const float one = to_float(pair.joined[0]), other = to_float(pair.joined[pair.half]);
  put(pair.apart[0], one * pair.cosine - other * pair.sine);
  put(pair.apart[pair.half], other * pair.cosine + one * pair.sine);
}

// Turns back.
template <typename T>
TPT_ON_BOTH inline void join_pair(const Pair<T>& pair) {
  const float one = to_float(pair.apart[0]), other = to_float(pair.apart[pair.half]);
  put(pair.joined[0], one * pair.cosine + other * pair.sine);
  put(pair.joined[pair.half], other * pair.cosine - one * pair.sine);
}

}  // namespace tpt::model
