#include "model/gguf_file.h"

#include "base/error.h"
#include "model/rounding.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>

#include <limits>

namespace tpt::model {
namespace {

using storage::TensorType;
using tokenize::GgufType;

constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kAlignment = 32;  // the layout's own where no value says another

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void put_text(std::string& bytes, std::string_view text) {
  put(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

std::uint32_t number_of(TensorType type) {
  switch (type) {
    case TensorType::f32:
      return 0;
    case TensorType::f16:
      return 1;
    case TensorType::bf16:
      return 30;
  }
  TPT_CHECK(false, "unknown type");
  return 0;
}

std::uint64_t padded(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void GgufFile::add_key(std::string_view key, GgufType type) {
  put_text(values_, key);
  put(values_, type);
  ++num_values_;
}

void GgufFile::add_text(std::string_view key, std::string_view value) {
  add_key(key, GgufType::string);
  put_text(values_, value);
}

void GgufFile::add_count(std::string_view key, std::int64_t value) {
  TPT_CHECK(value >= 0 && value <= std::numeric_limits<std::int32_t>::max(), "{} is {}", key,
            value);
  add_key(key, GgufType::u32);
  put(values_, static_cast<std::uint32_t>(value));
}

void GgufFile::add_number(std::string_view key, double value) {
  add_key(key, GgufType::f32);
  put(values_, static_cast<float>(value));
}

void GgufFile::add_flag(std::string_view key, bool value) {
  add_key(key, GgufType::boolean);
  put(values_, static_cast<std::uint8_t>(value ? 1 : 0));
}

void GgufFile::add_texts(std::string_view key, const std::vector<std::string>& values) {
  add_key(key, GgufType::array);
  put(values_, GgufType::string);
  put(values_, static_cast<std::uint64_t>(values.size()));
  for (const std::string& value : values) put_text(values_, value);
}

void GgufFile::add_integers(std::string_view key, const std::vector<std::int32_t>& values) {
  add_key(key, GgufType::array);
  put(values_, GgufType::i32);
  put(values_, static_cast<std::uint64_t>(values.size()));
  for (const std::int32_t value : values) put(values_, value);
}

void GgufFile::add_tensor(std::string name, const at::Tensor& tensor, TensorType type) {
  tensors_.push_back({std::move(name), tensor, tensor.dim() < 2 ? TensorType::f32 : type});
}

void GgufFile::write(const std::filesystem::path& path) const {
  std::string header = "GGUF";
  put(header, kVersion);
  put(header, static_cast<std::uint64_t>(tensors_.size()));
  put(header, num_values_);
  header += values_;
  std::uint64_t place = 0;
  for (const Entry& entry : tensors_) {
    put_text(header, entry.name);
    put(header, static_cast<std::uint32_t>(entry.tensor.dim()));
    for (std::int64_t d = entry.tensor.dim() - 1; d >= 0; --d) {
      put(header, static_cast<std::uint64_t>(entry.tensor.size(d)));
    }
    put(header, number_of(entry.type));
    put(header, place);
    place += padded(static_cast<std::uint64_t>(entry.tensor.numel()) *
                    storage::bytes_of_element(entry.type));
  }
  header.resize(padded(header.size()), '\0');
  storage::AtomicFile file(path);
  file.write(header);
  for (const Entry& entry : tensors_) {
    const at::Tensor whole = rounded(entry.name, entry.tensor, entry.type).contiguous();
    file.write({static_cast<const char*>(whole.const_data_ptr()), whole.nbytes()});
    file.write(std::string(padded(whole.nbytes()) - whole.nbytes(), '\0'));
  }
  file.commit();
}

}  // namespace tpt::model
