#include "train/devices.h"

#include <algorithm>
#include <array>

namespace tpt::train {
namespace {

// The longer name stands first. Cards of one name with two sizes of memory stand with the smaller
// one: a plan must not promise what is not there.
constexpr std::array<Device, 22> kDevices = {{
    {"GB200", "gb200", 184.0, 2500e12, 80e12},
    {"B300", "b300", 268.0, 2250e12, 75e12},
    {"B200", "b200", 178.0, 2250e12, 75e12},
    {"GH200", "gh200", 94.5, 989.4e12, 66.9e12},
    {"H200 NVL", "h200-nvl", 139.8, 835.5e12, 60.0e12},
    {"H200", "h200", 139.8, 989.4e12, 66.9e12},
    {"H100 PCIe", "h100-pcie", 79.1, 756.0e12, 51.2e12},
    {"H100 NVL", "h100-nvl", 93.1, 835.5e12, 60.0e12},
    {"H100", "h100", 79.1, 989.4e12, 66.9e12},
    {"H800", "h800", 79.1, 989.4e12, 66.9e12},
    {"A100-SXM4-40GB", "a100-40gb", 39.4, 312e12, 19.5e12},
    {"A100-PCIE-40GB", "a100-pcie-40gb", 39.4, 312e12, 19.5e12},
    {"A100", "a100", 79.1, 312e12, 19.5e12},
    {"A800", "a800", 79.1, 312e12, 19.5e12},
    {"A10G", "a10g", 22.0, 70e12, 31.5e12},
    {"L40S", "l40s", 44.4, 362e12, 91.6e12},
    {"L4", "l4", 22.0, 121e12, 30.3e12},
    {"RTX 6000 Ada", "rtx-6000-ada", 47.4, 364e12, 91.1e12},
    {"RTX 5090", "rtx-5090", 31.3, 209.5e12, 104.8e12},
    {"RTX 4090", "rtx-4090", 23.5, 165.2e12, 82.6e12},
    {"RTX 3090", "rtx-3090", 23.5, 71e12, 35.6e12},
    {"RTX A6000", "rtx-a6000", 47.4, 154.8e12, 38.7e12},
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

std::optional<Device> known_device(std::string_view name) {
  const auto* const found =
      std::find_if(kDevices.begin(), kDevices.end(), [&](const Device& device) {
        return device.short_name == name || names(name, device.part_of_name);
      });
  return found == kDevices.end() ? std::nullopt : std::optional(*found);
}

std::string known_device_names() {
  std::string all;
  for (const Device& device : kDevices) {
    all += (all.empty() ? "" : ", ") + std::string(device.short_name);
  }
  return all;
}

std::optional<double> peak_flops(std::string_view device, model::Precision precision) {
  const auto known = known_device(device);
  if (!known) {
    return std::nullopt;
  }
  return precision == model::Precision::bf16 ? known->bf16_flops : known->fp32_flops;
}

}  // namespace tpt::train
