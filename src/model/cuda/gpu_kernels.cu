// The kernels of gpu_kernels.h on a GPU. A thread does one element of a row, and of every row that
// is as many blocks further; nothing is shared.
#include "model/gpu_arithmetic.h"

#include <algorithm>
#include <cuda_runtime_api.h>

namespace tpt::model {
namespace {

constexpr unsigned kThreads = 256;

dim3 grid_for(std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kMostRows = 65535;  // of blocks, in this dimension
  return {static_cast<unsigned>((columns + kThreads - 1) / kThreads),
          static_cast<unsigned>(std::min(rows, kMostRows)), 1};
}

__device__ std::int64_t own_column() {
  return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
}

template <typename T>
__global__ void gate_kernel(const T* gate_up, T* out, GateShape shape) {
  const std::int64_t column = own_column();
  if (column >= shape.f) return;
  for (std::int64_t row = blockIdx.y; row < shape.rows; row += gridDim.y) {
    gate_element(gate_up, out, shape.f, row, column);
  }
}

template <typename T>
__global__ void gate_backward_kernel(const T* grad, const T* gate_up, T* out, GateShape shape) {
  const std::int64_t column = own_column();
  if (column >= shape.f) return;
  for (std::int64_t row = blockIdx.y; row < shape.rows; row += gridDim.y) {
    gate_backward_element(grad, gate_up, out, shape.f, row, column);
  }
}

template <typename T>
__global__ void split_kernel(T* qkv, HeadPlaces places, const float* cosines, const float* sines,
                             HeadShape shape) {
  const std::int64_t pair = own_column();
  if (pair >= pairs_of(shape)) return;
  for (std::int64_t position = blockIdx.y; position < shape.positions; position += gridDim.y) {
    split_pair(
        pair_of(qkv, places, cosines, sines, shape, position, static_cast<std::int32_t>(pair)));
  }
}

template <typename T>
__global__ void join_kernel(T* qkv, HeadPlaces places, const float* cosines, const float* sines,
                            HeadShape shape) {
  const std::int64_t pair = own_column();
  if (pair >= pairs_of(shape)) return;
  for (std::int64_t position = blockIdx.y; position < shape.positions; position += gridDim.y) {
    join_pair(
        pair_of(qkv, places, cosines, sines, shape, position, static_cast<std::int32_t>(pair)));
  }
}

template <typename T>
void launch_gate(const void* gate_up, void* out, GateShape shape, cudaStream_t stream) {
  if (shape.rows == 0 || shape.f == 0) return;
  gate_kernel<<<grid_for(shape.rows, shape.f), kThreads, 0, stream>>>(
      static_cast<const T*>(gate_up), static_cast<T*>(out), shape);
}

template <typename T>
void launch_gate_backward(const void* grad, const void* gate_up, void* out, GateShape shape,
                          cudaStream_t stream) {
  if (shape.rows == 0 || shape.f == 0) return;
  gate_backward_kernel<<<grid_for(shape.rows, shape.f), kThreads, 0, stream>>>(
      static_cast<const T*>(grad), static_cast<const T*>(gate_up), static_cast<T*>(out), shape);
}

void gate(Element type, const void* gate_up, void* out, GateShape shape, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  type == Element::fp32 ? launch_gate<float>(gate_up, out, shape, queue)
                        : launch_gate<Bf16>(gate_up, out, shape, queue);
}

void gate_backward(Element type, const void* grad, const void* gate_up, void* out, GateShape shape,
                   void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  type == Element::fp32 ? launch_gate_backward<float>(grad, gate_up, out, shape, queue)
                        : launch_gate_backward<Bf16>(grad, gate_up, out, shape, queue);
}

void split_heads(Element type, const void* qkv, const float* cosines, const float* sines,
                 HeadPlaces out, HeadShape shape, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  if (shape.positions == 0) return;
  const dim3 grid = grid_for(shape.positions, pairs_of(shape));
  void* joined = const_cast<void*>(qkv);  // only read
  if (type == Element::fp32) {
    split_kernel<<<grid, kThreads, 0, queue>>>(static_cast<float*>(joined), out, cosines, sines,
                                               shape);
  } else {
    split_kernel<<<grid, kThreads, 0, queue>>>(static_cast<Bf16*>(joined), out, cosines, sines,
                                               shape);
  }
}

void join_heads(Element type, HeadPlaces grads, const float* cosines, const float* sines, void* out,
                HeadShape shape, void* stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  if (shape.positions == 0) return;
  const dim3 grid = grid_for(shape.positions, pairs_of(shape));
  if (type == Element::fp32) {
    join_kernel<<<grid, kThreads, 0, queue>>>(static_cast<float*>(out), grads, cosines, sines,
                                              shape);
  } else {
    join_kernel<<<grid, kThreads, 0, queue>>>(static_cast<Bf16*>(out), grads, cosines, sines,
                                              shape);
  }
}

}  // namespace

const GpuKernels* gpu_kernels() {
  static constexpr GpuKernels kKernels{gate, gate_backward, split_heads, join_heads};
  return &kKernels;
}

}  // namespace tpt::model
