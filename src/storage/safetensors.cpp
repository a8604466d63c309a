#include "storage/safetensors.h"

#include "base/error.h"
#include "base/json.h"

#include <cerrno>
#include <cstring>

namespace tpt::storage {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference reader has it
constexpr std::size_t kAlignment = 8;

const char* word_of(TensorType type) {
  switch (type) {
    case TensorType::f32:
      return "F32";
    case TensorType::bf16:
      return "BF16";
    case TensorType::f16:
      return "F16";
  }
  TPT_CHECK(false, "unknown type");
  return "";
}

}  // namespace

std::uint64_t bytes_of_element(TensorType type) { return type == TensorType::f32 ? 4 : 2; }

std::string safetensors_header_text(const SafetensorsHeader& header) {
  Json json = Json::object();
  if (!header.metadata.empty()) {
    Json& metadata = json["__metadata__"] = Json::object();
    for (const auto& [key, value] : header.metadata) metadata[key] = value;
  }
  // Joined by hand: the ordered Json looks keys up one after another.
  std::string text = dump_json(json);
  text.pop_back();
  for (const TensorEntry& entry : header.tensors) {
    const Json description = {{"dtype", word_of(entry.type)},
                              {"shape", entry.shape},
                              {"data_offsets", {entry.begin, entry.end}}};
    text += (text.size() == 1 ? "" : ",") + dump_json(entry.name) + ":" + dump_json(description);
  }
  text += "}";
  text.append((kAlignment - text.size() % kAlignment) % kAlignment, ' ');
  return text;
}

SafetensorsReader::SafetensorsReader(const std::filesystem::path& path) : name_(path.string()) {
  std::error_code problem;
  // Opening a pipe would wait for its writer.
  if (std::filesystem::exists(path, problem) && !std::filesystem::is_regular_file(path, problem)) {
    io_error("cannot read {}: not a file", name_);
  }
  file_.reset(std::fopen(path.c_str(), "rb"));
  if (file_ == nullptr) io_error("cannot read {}: {}", name_, std::strerror(errno));
  const std::uint64_t file_bytes = std::filesystem::file_size(path, problem);
  if (problem) io_error("cannot read {}: {}", name_, problem.message());
  std::uint64_t header_bytes = 0;
  read_exactly(&header_bytes, sizeof(header_bytes));
  if (header_bytes > kMaxHeaderBytes || header_bytes > file_bytes - sizeof(header_bytes)) {
    data_error("{}: not a safetensors file: its header is said to have {} bytes", name_,
               header_bytes);
  }
  header_text_.resize(header_bytes);
  read_exactly(header_text_.data(), header_bytes);
  data_start_ = sizeof(header_bytes) + header_bytes;
  header_ = parse_safetensors_header(header_text_, file_bytes - data_start_, name_);
}

void SafetensorsReader::read(const TensorEntry& entry, std::span<char> into) {
  TPT_CHECK(into.size() == entry.end - entry.begin, "room for {} bytes of {}", into.size(),
            entry.end - entry.begin);
  if (std::fseek(file_.get(), static_cast<long>(data_start_ + entry.begin), SEEK_SET) != 0) {
    io_error("cannot read {}: {}", name_, std::strerror(errno));
  }
  read_exactly(into.data(), into.size());
}

void SafetensorsReader::read_exactly(void* into, std::uint64_t bytes) {
  if (bytes == 0 || std::fread(into, 1, bytes, file_.get()) == bytes) return;
  if (std::ferror(file_.get()) != 0) io_error("cannot read {}: {}", name_, std::strerror(errno));
  data_error("{}: the file is cut short", name_);
}

void begin_safetensors(AtomicFile& file, std::string_view header_text) {
  const std::uint64_t header_bytes = header_text.size();
  char length[sizeof(header_bytes)];
  std::memcpy(length, &header_bytes, sizeof(header_bytes));
  file.write({length, sizeof(length)});
  file.write(header_text);
}

}  // namespace tpt::storage
