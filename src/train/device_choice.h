// Where a run computes.
#pragma once

#include "train/config.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace tpt::train {

// "cpu"; "cuda:N"; "cuda": GPU number `local_rank` of this machine; "auto": that one where there is
// any, else the CPU. Error(user) for other words, and for a GPU that is not there.
at::Device device_from(const std::string& word, std::int64_t local_rank);
// Of config.device, and of the local rank that launch.h reads.
at::Device device_of(const Config& config);

// Makes it the calling thread's GPU and, with `deterministic`, has torch choose kernels that give
// the same bits again (at::_flash_attention's backward and cuBLAS among them). Does nothing for a
// CPU. Call it before the first tensor.
void prepare(at::Device device, bool deterministic);

// As its driver calls it: "NVIDIA H200"; empty for a CPU, or where the program was built without
// CUDA.
std::string device_name(at::Device device);

}  // namespace tpt::train
