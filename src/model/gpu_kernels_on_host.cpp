#include "model/gpu_arithmetic.h"

namespace tpt::model {
namespace {

// Calls visit(T()) with a value of the type.
template <typename Visit>
void of_type(Element type, Visit&& visit) {
  if (type == Element::fp32) {
    visit(float());
  } else {
    visit(Bf16());
  }
}

template <typename Visit>
void for_each_element(GateShape shape, Visit&& visit) {
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t column = 0; column < shape.f; ++column) visit(row, column);
  }
}

void gate(Element type, const void* gate_up, void* out, GateShape shape, void* /*stream*/) {
  of_type(type, [&](auto value) {
    using T = decltype(value);
    for_each_element(shape, [&](std::int64_t row, std::int64_t column) {
      gate_element(static_cast<const T*>(gate_up), static_cast<T*>(out), shape.f, row, column);
    });
  });
}

void gate_backward(Element type, const void* grad, const void* gate_up, void* out, GateShape shape,
                   void* /*stream*/) {
  of_type(type, [&](auto value) {
    using T = decltype(value);
    for_each_element(shape, [&](std::int64_t row, std::int64_t column) {
      gate_backward_element(static_cast<const T*>(grad), static_cast<const T*>(gate_up),
                            static_cast<T*>(out), shape.f, row, column);
    });
  });
}

template <typename T, typename Visit>
void for_each_pair(T* qkv, HeadPlaces places, const float* cosines, const float* sines,
                   HeadShape shape, Visit&& visit) {
  for (std::int64_t position = 0; position < shape.positions; ++position) {
    for (std::int32_t pair = 0; pair < pairs_of(shape); ++pair) {
      visit(pair_of(qkv, places, cosines, sines, shape, position, pair));
    }
  }
}

void split_heads(Element type, const void* qkv, const float* cosines, const float* sines,
                 HeadPlaces out, HeadShape shape, void* /*stream*/) {
  of_type(type, [&](auto value) {
    using T = decltype(value);
    // The pairs of a split are only read in qkv.
    for_each_pair(static_cast<T*>(const_cast<void*>(qkv)), out, cosines, sines, shape,
                  [](const Pair<T>& pair) { split_pair(pair); });
  });
}

void join_heads(Element type, HeadPlaces grads, const float* cosines, const float* sines, void* out,
                HeadShape shape, void* /*stream*/) {
  of_type(type, [&](auto value) {
    using T = decltype(value);
    for_each_pair(static_cast<T*>(out), grads, cosines, sines, shape,
                  [](const Pair<T>& pair) { join_pair(pair); });
  });
}

}  // namespace

const GpuKernels& host_kernels() {
  static constexpr GpuKernels kKernels{gate, gate_backward, split_heads, join_heads};
  return kKernels;
}

}  // namespace tpt::model
