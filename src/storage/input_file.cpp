#include "storage/input_file.h"

#include "base/error.h"
#include "storage/files.h"
#include "storage/remote_service.h"

#include <arrow/buffer.h>
#include <arrow/io/file.h>

#include <utility>

namespace tpt::storage {

InputFile::InputFile(std::shared_ptr<arrow::io::RandomAccessFile> file, std::string name,
                     std::int64_t bytes)
    : file_(std::move(file)), name_(std::move(name)), bytes_(bytes) {}

void InputFile::check() const {
  const std::scoped_lock lock(mutex_);
  if (failure_.ok()) return;
  if (is_remote(name_)) remote_failed(name_, failure_);
  io_error("cannot read {}: {}", name_, failure_.message());
}

template <typename T>
arrow::Result<T> InputFile::noted(arrow::Result<T> result) {
  if (!result.ok()) {
    const std::scoped_lock lock(mutex_);
    if (failure_.ok()) failure_ = result.status();
  }
  return result;
}

arrow::Status InputFile::inside(std::int64_t position) const {
  if (position >= 0 && position <= bytes_) return arrow::Status::OK();
  return arrow::Status::Invalid("byte ", position, " of a file of ", bytes_, " bytes");
}

arrow::Status InputFile::Close() { return file_->Close(); }
bool InputFile::closed() const { return file_->closed(); }
arrow::Result<std::int64_t> InputFile::Tell() const { return file_->Tell(); }
arrow::Status InputFile::Seek(std::int64_t position) {
  ARROW_RETURN_NOT_OK(inside(position));
  return file_->Seek(position);
}
arrow::Result<std::int64_t> InputFile::GetSize() { return bytes_; }

arrow::Result<std::int64_t> InputFile::Read(std::int64_t bytes, void* out) {
  return noted(file_->Read(bytes, out));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> InputFile::Read(std::int64_t bytes) {
  return noted(file_->Read(bytes));
}

arrow::Result<std::int64_t> InputFile::ReadAt(std::int64_t position, std::int64_t bytes,
                                              void* out) {
  ARROW_RETURN_NOT_OK(inside(position));
  return noted(file_->ReadAt(position, bytes, out));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> InputFile::ReadAt(std::int64_t position,
                                                                std::int64_t bytes) {
  ARROW_RETURN_NOT_OK(inside(position));
  return noted(file_->ReadAt(position, bytes));
}

std::shared_ptr<InputFile> open_input_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  if (is_remote(path)) {
    auto file = remote_checked(remote_service(path).OpenInputFile(remote_name(path)), path);
    const std::int64_t bytes = remote_checked(file->GetSize(), path);
    return std::make_shared<InputFile>(std::move(file), name, bytes);
  }
  if (!std::filesystem::exists(path)) io_error("{}: no such file", name);
  if (std::filesystem::is_directory(path)) data_error("{}: a folder, expected a file", name);
  auto file = arrow::io::ReadableFile::Open(name);
  if (!file.ok()) io_error("cannot read {}: {}", name, file.status().message());
  const auto bytes = (*file)->GetSize();
  if (!bytes.ok()) io_error("cannot read {}: {}", name, bytes.status().message());
  return std::make_shared<InputFile>(std::move(*file), name, *bytes);
}

}  // namespace tpt::storage
