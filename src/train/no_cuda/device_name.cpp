// For a libtorch without CUDA.
#include "train/device_choice.h"

namespace tpt::train {

std::string device_name(at::Device /*device*/) { return ""; }

}  // namespace tpt::train
