// Files of named tensors in the safetensors layout: 8 bytes little-endian length, a JSON header of
// names, types, shapes and offsets, then the bytes.
#pragma once

#include "model/transformer.h"

#include <filesystem>

namespace tpt::model {

// Every tensor of the file as fp32 (F32, BF16 and F16 are read). Error(data) naming file and tensor
// for a header that does not fit the file, overlapping tensors, or another type.
NamedTensors read_safetensors(const std::filesystem::path& file);

// Writes fp32 tensors in the order given; atomically.
void write_safetensors(const NamedTensors& tensors, const std::filesystem::path& file);

}  // namespace tpt::model
