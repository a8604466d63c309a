#include "model/safetensors.h"

#include "base/error.h"
#include "base/json.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

namespace tpt::model {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference reader has it

struct Entry {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

void read_exactly(std::FILE* file, void* buffer, std::uint64_t bytes, const std::string& name) {
  if (std::fread(buffer, 1, bytes, file) != bytes) data_error("{}: the file is cut short", name);
}

std::uint64_t element_bytes(at::ScalarType type) { return type == at::kFloat ? 4 : 2; }

at::ScalarType type_of(const std::string& word, const std::string& tensor,
                       const std::string& file) {
  if (word == "F32") return at::kFloat;
  if (word == "BF16") return at::kBFloat16;
  if (word == "F16") return at::kHalf;
  data_error("{}: tensor {} is of type {}, supported: F32, BF16, F16", file, tensor, word);
}

// Bytes of the tensor by its shape; Error(data) where they cannot be.
std::uint64_t bytes_of(const Entry& entry, const std::string& file) {
  std::uint64_t bytes = element_bytes(entry.type);
  for (const std::int64_t size : entry.shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
      data_error("{}: tensor {} has an impossible shape", file, entry.name);
    }
  }
  return bytes;
}

std::vector<Entry> parse_header(const Json& header, std::uint64_t data_bytes,
                                const std::string& file) {
  if (!header.is_object()) data_error("{}: its header is not a JSON object", file);
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") continue;
    Entry entry{.name = name};
    try {
      entry.type = type_of(value.at("dtype").get<std::string>(), name, file);
      entry.shape = value.at("shape").get<std::vector<std::int64_t>>();
      const auto offsets = value.at("data_offsets").get<std::vector<std::uint64_t>>();
      if (offsets.size() != 2) data_error("{}: tensor {} has no two offsets", file, name);
      entry.begin = offsets[0];
      entry.end = offsets[1];
    } catch (const Json::exception& problem) {
      data_error("{}: tensor {}: {}", file, name, problem.what());
    }
    if (entry.begin > entry.end || entry.end > data_bytes ||
        entry.end - entry.begin != bytes_of(entry, file)) {
      data_error("{}: tensor {} does not lie in the file as its shape says", file, name);
    }
    entries.push_back(std::move(entry));
  }
  std::vector<Entry> sorted = entries;
  std::sort(sorted.begin(), sorted.end(),
            [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i].begin < sorted[i - 1].end) {
      data_error("{}: tensors {} and {} overlap", file, sorted[i - 1].name, sorted[i].name);
    }
  }
  return entries;
}

}  // namespace

NamedTensors read_safetensors(const std::filesystem::path& path) {
  const std::string name = path.string();
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) io_error("cannot read {}: {}", name, std::strerror(errno));
  std::error_code problem;
  const std::uint64_t file_bytes = std::filesystem::file_size(path, problem);
  if (problem) io_error("cannot read {}: {}", name, problem.message());
  std::uint64_t header_bytes = 0;
  read_exactly(file.get(), &header_bytes, sizeof(header_bytes), name);
  if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - sizeof(header_bytes)) {
    data_error("{}: not a safetensors file: its header is said to have {} bytes", name,
               header_bytes);
  }
  std::string text(header_bytes, '\0');
  read_exactly(file.get(), text.data(), header_bytes, name);
  const std::uint64_t data_start = sizeof(header_bytes) + header_bytes;
  const auto entries = parse_header(parse_json(text, name), file_bytes - data_start, name);
  NamedTensors tensors;
  for (const Entry& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, entry.type);
    if (std::fseek(file.get(), static_cast<long>(data_start + entry.begin), SEEK_SET) != 0) {
      io_error("cannot read {}: {}", name, std::strerror(errno));
    }
    read_exactly(file.get(), tensor.mutable_data_ptr(), entry.end - entry.begin, name);
    tensors.emplace_back(entry.name, tensor.to(at::kFloat));
  }
  return tensors;
}

void write_safetensors(const NamedTensors& tensors, const std::filesystem::path& path) {
  Json header = Json::object();
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t offset = 0;
  std::vector<at::Tensor> contiguous;
  for (const auto& [name, tensor] : tensors) {
    TPT_CHECK(tensor.scalar_type() == at::kFloat, "{} is not fp32", name);
    contiguous.push_back(tensor.detach().contiguous());
    const std::uint64_t bytes = contiguous.back().nbytes();
    header[name] = {{"dtype", "F32"},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = dump_json(header);
  // The data begins at a multiple of 8, as the reference writer has it.
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t header_bytes = text.size();
  storage::AtomicFile file(path);
  char length[sizeof(header_bytes)];
  std::memcpy(length, &header_bytes, sizeof(header_bytes));
  file.write({length, sizeof(length)});
  file.write(text);
  for (const at::Tensor& tensor : contiguous) {
    file.write({static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
  }
  file.commit();
}

}  // namespace tpt::model
