#include "train/device_choice.h"

#include "base/error.h"
#include "train/launch.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace tpt::train {
namespace {

std::int64_t gpus() {
  return at::hasCUDA() ? static_cast<std::int64_t>(at::detail::getCUDAHooks().deviceCount()) : 0;
}

at::Device gpu(std::int64_t number, const std::string& word) {
  const std::int64_t count = gpus();
  if (count == 0) {
    user_error("train.device: got {}, but {}", word,
               at::Context::hasCUDART() ? "this machine shows no GPU"
                                        : "this program's libtorch is one without CUDA");
  }
  if (number >= count) {
    user_error("train.device: got {} (GPU {}), this machine has {}: 0 to {}", word, number, count,
               count - 1);
  }
  return {at::kCUDA, static_cast<at::DeviceIndex>(number)};
}

}  // namespace

at::Device device_of(const Config& config) {
  return device_from(config.device, launch_from(process_environment()).local_rank);
}

at::Device device_from(const std::string& word, std::int64_t local_rank) {
  constexpr std::string_view kNumbered = "cuda:";
  if (word == "cpu") return at::kCPU;
  if (word == "auto") return gpus() > 0 ? gpu(local_rank, word) : at::Device(at::kCPU);
  if (word == "cuda") return gpu(local_rank, word);
  std::int64_t number = -1;
  if (word.starts_with(kNumbered)) {
    const char* end = word.data() + word.size();
    const auto [stop, problem] = std::from_chars(word.data() + kNumbered.size(), end, number);
    if (stop != end || problem != std::errc()) number = -1;
  }
  if (number < 0) user_error("train.device: got {}, allowed: auto, cpu, cuda, cuda:N", word);
  return gpu(number, word);
}

void prepare(at::Device device, bool deterministic) {
  if (!device.is_cuda()) return;
  if (deterministic) {
    // cuBLAS is deterministic only with workspaces of a fixed size; read when it starts.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
    // Memory that is not written yet need not be filled: nothing here reads it.
    at::globalContext().setDeterministicFillUninitializedMemory(false);
  }
  c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
}

}  // namespace tpt::train
