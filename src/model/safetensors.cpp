#include "model/safetensors.h"

#include "base/error.h"
#include "model/rounding.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace tpt::model {
namespace {

using storage::SafetensorsHeader;
using storage::TensorEntry;
using storage::TensorType;

TensorType type_of(const std::string& name, const at::Tensor& tensor) {
  if (tensor.scalar_type() == at::kBFloat16) return TensorType::bf16;
  if (tensor.scalar_type() == at::kHalf) return TensorType::f16;
  TPT_CHECK(tensor.scalar_type() == at::kFloat, "{} is of a type that is not written", name);
  return TensorType::f32;
}

SafetensorsHeader header_in_order(const TensorFile& file) {
  SafetensorsHeader header{.metadata = file.metadata};
  std::uint64_t place = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::uint64_t begin = place;
    place += tensor.nbytes();
    header.tensors.push_back({name, type_of(name, tensor), tensor.sizes().vec(), begin, place});
  }
  return header;
}

// The places of the file that was read, where its header still describes everything; those of
// header_in_order() otherwise.
SafetensorsHeader header_of(const TensorFile& file, std::string& text) {
  const SafetensorsHeader made = header_in_order(file);
  const SafetensorsHeader& read = file.header;
  const auto same = [](const TensorEntry& a, const TensorEntry& b) {
    return a.name == b.name && a.type == b.type && a.shape == b.shape;
  };
  const bool fits =
      read.metadata == made.metadata && std::equal(read.tensors.begin(), read.tensors.end(),
                                                   made.tensors.begin(), made.tensors.end(), same);
  if (!file.header_text.empty() && fits) {
    text = file.header_text;
    return read;
  }
  text = storage::safetensors_header_text(made);
  return made;
}

}  // namespace

TensorFile read_tensor_file(const std::filesystem::path& path) {
  storage::SafetensorsReader reader(path);
  TensorFile file{.metadata = reader.header().metadata,
                  .header = reader.header(),
                  .header_text = reader.header_text()};
  for (const TensorEntry& entry : reader.header().tensors) {
    at::Tensor tensor = at::empty(entry.shape, torch_type(entry.type));
    reader.read(entry, {static_cast<char*>(tensor.mutable_data_ptr()), tensor.nbytes()});
    file.tensors.emplace_back(entry.name, std::move(tensor));
  }
  return file;
}

void write_tensor_file(const TensorFile& tensors, const std::filesystem::path& path) {
  std::string text;
  const SafetensorsHeader header = header_of(tensors, text);
  std::map<std::pair<std::uint64_t, std::uint64_t>, at::Tensor> by_place;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const TensorEntry& entry = header.tensors[i];
    if (entry.end > entry.begin) {
      by_place[{entry.begin, entry.end}] = tensors.tensors[i].second.detach();
    }
  }
  storage::AtomicFile file(path);
  storage::begin_safetensors(file, text);
  for (const auto& [place, tensor] : by_place) {
    const at::Tensor whole = tensor.cpu().contiguous();
    file.write({static_cast<const char*>(whole.const_data_ptr()), whole.nbytes()});
  }
  file.commit();
}

NamedTensors read_safetensors(const std::filesystem::path& path) {
  NamedTensors tensors = read_tensor_file(path).tensors;
  for (auto& [name, tensor] : tensors) tensor = tensor.to(at::kFloat);
  return tensors;
}

void write_safetensors(const NamedTensors& tensors, const std::filesystem::path& path) {
  for (const auto& [name, tensor] : tensors) {
    TPT_CHECK(tensor.scalar_type() == at::kFloat, "{} is not fp32", name);
  }
  write_tensor_file({.metadata = {{"format", "pt"}}, .tensors = tensors}, path);
}

}  // namespace tpt::model
