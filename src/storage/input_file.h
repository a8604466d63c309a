// A file that is read at any place, on disk or on S3, for the readers of this room.
#pragma once

#include <arrow/io/interfaces.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

namespace tpt::storage {

// Remembers whether reading itself failed, so that a broken line is not taken for a damaged file.
class InputFile : public arrow::io::RandomAccessFile {
 public:
  InputFile(std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name,
            std::int64_t bytes);

  // Error(io) where a read has failed.
  void check() const;
  const std::string& name() const { return name_; }

  arrow::Status Close() override;
  bool closed() const override;
  arrow::Result<std::int64_t> Tell() const override;
  arrow::Status Seek(std::int64_t position) override;
  arrow::Result<std::int64_t> GetSize() override;
  arrow::Result<std::int64_t> Read(std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t bytes) override;
  arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t bytes, void* out) override;
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position,
                                                       std::int64_t bytes) override;

 private:
  template <typename T>
  arrow::Result<T> noted(arrow::Result<T> result);
  // A place outside of the file is told by a damaged one, and no trouble of reading.
  arrow::Status inside(std::int64_t position) const;

  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::string name_;
  std::int64_t bytes_;
  mutable std::mutex mutex_;
  arrow::Status failure_;
};

// Error(io) where it cannot be opened, Error(data) for a folder.
std::shared_ptr<InputFile> open_input_file(const std::filesystem::path& path);

}  // namespace tpt::storage
