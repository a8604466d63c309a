// What is known of GPUs: memory, and what they compute at most. From the vendors' data sheets.
#pragma once

#include "model/config.h"

#include <optional>
#include <string>
#include <string_view>

namespace tpt::train {

struct Device {
  std::string_view part_of_name;  // of the name that the driver gives
  std::string_view short_name;    // for the command line
  double memory_gib;              // that a program sees, without other programs
  double bf16_flops;              // dense, without sparsity
  double fp32_flops;              // of plain fp32; tensor cores round to tf32
};

// By the name that the driver gives, or by the short name; nothing for one that is not known here.
std::optional<Device> known_device(std::string_view name);

// "h100, h200, ...": the short names.
std::string known_device_names();

// Dense peak in FLOP/s; nothing for a device that is not known here.
std::optional<double> peak_flops(std::string_view device, model::Precision precision);

}  // namespace tpt::train
