// The bytes of a file, decompressed where it is gzip or zstd (told by its first bytes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

namespace tpt::storage {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills up to `size` bytes; 0 at the end. Error(data) for a damaged or truncated archive.
  virtual std::size_t read(char* buffer, std::size_t size) = 0;
  // Bytes taken from the file so far, before decompression: for progress.
  virtual std::int64_t file_bytes() const = 0;
};

// Whether the file is gzip or zstd. Error(io) where it cannot be opened.
bool is_archive(const std::filesystem::path& path);

// Error(io) where the file cannot be opened.
std::unique_ptr<ByteStream> open_byte_stream(const std::filesystem::path& path);

}  // namespace tpt::storage
