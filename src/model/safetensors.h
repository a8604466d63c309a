// Tensors of torch in safetensors files.
#pragma once

#include "model/transformer.h"
#include "storage/safetensors.h"

#include <filesystem>
#include <string>

namespace tpt::model {

// A whole file: tensors in the order of its header and in its own types (fp32, bf16, fp16), so that
// writing what was read gives the same bytes.
struct TensorFile {
  storage::TensorMetadata metadata;
  NamedTensors tensors;
  // As read, and its bytes; written again as long as it describes the tensors and the metadata.
  storage::SafetensorsHeader header;
  std::string header_text;
};

// Error(data) naming file and tensor for whatever is wrong with the file (storage/safetensors.h).
TensorFile read_tensor_file(const std::filesystem::path& file);
// Atomically.
void write_tensor_file(const TensorFile& tensors, const std::filesystem::path& file);

// Every tensor of the file as fp32.
NamedTensors read_safetensors(const std::filesystem::path& file);
// Writes fp32 tensors in the order given.
void write_safetensors(const NamedTensors& tensors, const std::filesystem::path& file);

}  // namespace tpt::model
