// The program's own kernels, for what would be many of torch's: raw pointers, and a stream that is
// a cudaStream_t. Free of torch and of CUDA. Each stands three times: for a GPU, for the host with
// the same arithmetic (what the tests hold against torch), and as torch's own operations where
// neither is built.
#pragma once

#include <cstdint>

namespace tpt::model {

// What a pointer without a type points to.
enum class Element { fp32, bf16 };

// rows of 2 f: gate, then up; out: rows of f.
struct GateShape {
  std::int64_t rows, f;
};
// A position's heads stand side by side: queries, then keys, then values.
struct HeadShape {
  std::int64_t positions, heads, kv_heads, head_dim;
};
// Queries [positions, heads, n], keys and values [positions, kv_heads, n].
struct HeadPlaces {
  void* queries;
  void* keys;
  void* values;
};

struct GpuKernels {
  // out = silu(gate) * up.
  void (*gate)(Element type, const void* gate_up, void* out, GateShape shape, void* stream);
  // out [rows, 2 f]: the gradient of gate_up.
  void (*gate_backward)(Element type, const void* grad, const void* gate_up, void* out,
                        GateShape shape, void* stream);
  // Turns queries and keys by their position; cosines and sines fp32 [positions, n / 2].
  void (*split_heads)(Element type, const void* qkv, const float* cosines, const float* sines,
                      HeadPlaces out, HeadShape shape, void* stream);
  // The gradient of qkv from those of queries, keys and values.
  void (*join_heads)(Element type, HeadPlaces grads, const float* cosines, const float* sines,
                     void* out, HeadShape shape, void* stream);
};

// Null in a program without CUDA.
const GpuKernels* gpu_kernels();
// On the host; the stream is not used.
const GpuKernels& host_kernels();

}  // namespace tpt::model
