// Writes GGUF files, the layout of llama.cpp: values by key, then tensors.
#pragma once

#include "storage/safetensors.h"
#include "tokenize/gguf_file.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::model {

class GgufFile {
 public:
  void add_text(std::string_view key, std::string_view value);
  void add_count(std::string_view key, std::int64_t value);  // 32 bits; TPT_CHECK that it fits
  void add_number(std::string_view key, double value);       // 32 bits
  void add_flag(std::string_view key, bool value);
  void add_texts(std::string_view key, const std::vector<std::string>& values);
  void add_integers(std::string_view key, const std::vector<std::int32_t>& values);
  // Matrices are written in `type`, vectors in fp32 as llama.cpp wants them. The tensor is not
  // copied before write().
  void add_tensor(std::string name, const at::Tensor& tensor, storage::TensorType type);

  // Atomically. Error(data) naming a tensor whose numbers its type cannot hold; Error(io).
  void write(const std::filesystem::path& file) const;

 private:
  struct Entry {
    std::string name;
    at::Tensor tensor;
    storage::TensorType type;
  };
  void add_key(std::string_view key, tokenize::GgufType type);

  std::string values_;
  std::uint64_t num_values_ = 0;
  std::vector<Entry> tensors_;
};

}  // namespace tpt::model
