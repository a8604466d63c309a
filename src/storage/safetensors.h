// Files of named tensors in the safetensors layout: 8 bytes little-endian length, a JSON header of
// names, types, shapes and offsets, then the bytes. Nothing in such a file is trusted.
//
//   SafetensorsReader reader("model.safetensors");
//   for (const TensorEntry& entry : reader.header().tensors) reader.read(entry, room_for(entry));
#pragma once

#include "storage/atomic_file.h"

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::storage {

enum class TensorType { f32, bf16, f16 };
std::uint64_t bytes_of_element(TensorType type);

// A tensor as the header has it; its bytes are [begin, end) of the data.
struct TensorEntry {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool operator==(const TensorEntry&) const = default;
};

using TensorMetadata = std::vector<std::pair<std::string, std::string>>;

struct SafetensorsHeader {
  TensorMetadata metadata;           // "__metadata__", in its order
  std::vector<TensorEntry> tensors;  // in the order of the header
};

// Error(data) naming `file` and the tensor for anything but a whole and unambiguous description of
// exactly `data_bytes` bytes: unknown types, names or keys given twice, shapes that do not fit
// their bytes, overlaps, holes, bytes that belong to none.
SafetensorsHeader parse_safetensors_header(std::string_view text, std::uint64_t data_bytes,
                                           const std::string& file);
// As the reference writer has it: compact, and filled up with spaces to a multiple of 8.
std::string safetensors_header_text(const SafetensorsHeader& header);

class SafetensorsReader {
 public:
  // Reads the header. Error(data) as above, or for a header of more than 100,000,000 bytes or
  // longer than the file; Error(io) where the file cannot be read.
  explicit SafetensorsReader(const std::filesystem::path& path);

  const SafetensorsHeader& header() const { return header_; }
  // The header's own bytes.
  const std::string& header_text() const { return header_text_; }
  // The bytes of one tensor of header(), into room for exactly as many.
  void read(const TensorEntry& entry, std::span<char> into);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void read_exactly(void* into, std::uint64_t bytes);

  std::string name_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::uint64_t data_start_ = 0;
  std::string header_text_;
  SafetensorsHeader header_;
};

// Length and header of a file that is being written; the data follows.
void begin_safetensors(AtomicFile& file, std::string_view header_text);

}  // namespace tpt::storage
