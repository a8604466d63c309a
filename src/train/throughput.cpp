#include "train/throughput.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace tpt::train {
namespace {

struct Device {
  std::string_view part_of_name;
  double bf16_flops;
  double fp32_flops;  // of plain fp32; tensor cores round to tf32
};

// Dense, without sparsity, from the vendors' data sheets. The longer name stands first.
constexpr std::array<Device, 14> kDevices = {{
    {"B200", 2250e12, 75e12},
    {"GH200", 989.4e12, 66.9e12},
    {"H200", 989.4e12, 66.9e12},
    {"H100 PCIe", 756.0e12, 51.2e12},
    {"H100 NVL", 835.0e12, 60.0e12},
    {"H100", 989.4e12, 66.9e12},
    {"H800", 989.4e12, 66.9e12},
    {"A100", 312e12, 19.5e12},
    {"A800", 312e12, 19.5e12},
    {"A10G", 70e12, 31.5e12},
    {"L40S", 362e12, 91.6e12},
    {"L4", 121e12, 30.3e12},
    {"RTX 4090", 165.2e12, 82.6e12},
    {"RTX 3090", 71e12, 35.6e12},
}};

// The part stands as words of its own: "L4" is not in "L40".
bool names(std::string_view device, std::string_view part) {
  const std::size_t at = device.find(part);
  if (at == std::string_view::npos) {
    return false;
  }
  const std::size_t end = at + part.size();
  const auto is_word = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); };
  return (at == 0 || !is_word(device[at - 1])) && (end == device.size() || !is_word(device[end]));
}

}  // namespace

double flops_of(const model::Config& config, const Batch& batch) {
  const auto head = static_cast<double>(config.vocab_size * config.hidden_size);
  const auto weights = static_cast<double>(model::num_matmul_parameters(config)) - head;
  const auto width = static_cast<double>(config.num_layers * config.num_heads * config.head_dim);
  return 6.0 * weights * static_cast<double>(batch.positions) +
         6.0 * head * static_cast<double>(batch.targets()) +
         12.0 * width * static_cast<double>(batch.attended);
}

std::optional<double> peak_flops(std::string_view device, model::Precision precision) {
  for (const Device& known : kDevices) {
    if (names(device, known.part_of_name)) {
      return precision == model::Precision::bf16 ? known.bf16_flops : known.fp32_flops;
    }
  }
  return std::nullopt;
}

double measured_gemm_flops(model::Precision precision) {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kSize = 768;
  constexpr auto kLong = std::chrono::milliseconds(250);
  const at::NoGradGuard no_gradients;
  const auto type = precision == model::Precision::bf16 ? at::kBFloat16 : at::kFloat;
  const at::Tensor left = at::ones({kSize, kSize}, type);
  const at::Tensor right = at::ones({kSize, kSize}, type);
  at::Tensor out = at::mm(left, right);
  double best_seconds = 1e9;
  const auto end = Clock::now() + kLong;
  do {
    const auto start = Clock::now();
    at::mm_out(out, left, right);
    const std::chrono::duration<double> taken = Clock::now() - start;
    best_seconds = std::min(best_seconds, taken.count());
  } while (Clock::now() < end);
  constexpr double kWork = 2.0 * kSize * kSize * kSize;
  return kWork / best_seconds;
}

}  // namespace tpt::train
