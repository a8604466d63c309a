// The bytes of a file as they lie there, one after the other, on disk or on S3.
#pragma once

#include "storage/byte_stream.h"

#include <filesystem>
#include <memory>
#include <string>

namespace tpt::storage {

class RawFile : public ByteStream {
 public:
  explicit RawFile(const std::filesystem::path& path) : path_(path.string()) {}
  // Without taking them. To be called before the first read.
  virtual std::string first_bytes(std::size_t size) = 0;
  std::int64_t file_bytes() const override { return taken_; }
  const std::string& path() const { return path_; }

 protected:
  void took(std::size_t bytes) { taken_ += static_cast<std::int64_t>(bytes); }

 private:
  std::string path_;
  std::int64_t taken_ = 0;
};

// From byte `from` on. Error(io) where it cannot be opened.
std::unique_ptr<RawFile> open_raw_file(const std::filesystem::path& path, std::int64_t from = 0);

}  // namespace tpt::storage
