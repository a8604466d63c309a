#include "train/device_choice.h"

#include <cuda_runtime_api.h>

namespace tpt::train {

std::string device_name(at::Device device) {
  cudaDeviceProp properties{};
  const bool is_known =
      device.is_cuda() && cudaGetDeviceProperties(&properties, device.index()) == cudaSuccess;
  return is_known ? properties.name : "";
}

}  // namespace tpt::train
