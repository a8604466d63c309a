// For a libtorch without CUDA.
#include "model/gpu_kernels.h"

namespace tpt::model {

const GpuKernels* gpu_kernels() { return nullptr; }

}  // namespace tpt::model
