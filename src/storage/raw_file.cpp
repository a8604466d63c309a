#include "storage/raw_file.h"

#include "base/error.h"
#include "storage/files.h"
#include "storage/input_file.h"

#include <arrow/buffer.h>
#include <arrow/util/future.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <string_view>

namespace tpt::storage {
namespace {

class LocalFile : public RawFile {
 public:
  LocalFile(const std::filesystem::path& path, std::int64_t from) : RawFile(path), from_(from) {
    if (std::filesystem::is_directory(path))
      io_error("{}: a folder, expected a file", this->path());
    file_ = std::fopen(path.c_str(), "rb");
    if (file_ == nullptr) io_error("cannot read {}: {}", this->path(), std::strerror(errno));
    go_to_start();
  }
  ~LocalFile() override { std::fclose(file_); }
  LocalFile(const LocalFile&) = delete;
  LocalFile& operator=(const LocalFile&) = delete;

  std::size_t read(char* buffer, std::size_t size) override {
    const std::size_t got = std::fread(buffer, 1, size, file_);
    if (got < size && std::ferror(file_) != 0) {
      io_error("cannot read {}: {}", path(), std::strerror(errno));
    }
    took(got);
    return got;
  }

  std::string first_bytes(std::size_t size) override {
    std::string bytes(size, '\0');
    bytes.resize(std::fread(bytes.data(), 1, size, file_));
    go_to_start();
    return bytes;
  }

 private:
  void go_to_start() {
    std::clearerr(file_);
    if (fseeko(file_, from_, SEEK_SET) != 0) {
      io_error("cannot read {}: {}", path(), std::strerror(errno));
    }
  }

  std::int64_t from_;
  std::FILE* file_ = nullptr;
};

// Fetches ahead of the reader, in bounded memory.
class RemoteFile : public RawFile {
 public:
  RemoteFile(const std::filesystem::path& path, std::int64_t from)
      : RawFile(path), file_(open_input_file(path)), next_(from) {
    bytes_ = file_->GetSize().ValueOr(0);
    fetch_ahead();
  }
  // Nothing may be on its way when the connection is shut down.
  ~RemoteFile() override {
    for (const auto& piece : pieces_) piece.Wait();
  }
  RemoteFile(const RemoteFile&) = delete;
  RemoteFile& operator=(const RemoteFile&) = delete;

  std::size_t read(char* buffer, std::size_t size) override {
    const std::string_view piece = current();
    const std::size_t got = std::min(size, piece.size());
    std::memcpy(buffer, piece.data(), got);
    used_ += got;
    took(got);
    return got;
  }

  std::string first_bytes(std::size_t size) override {
    return std::string(current().substr(0, size));
  }

 private:
  static constexpr std::int64_t kPieceBytes = std::int64_t{8} << 20U;
  static constexpr std::size_t kPieces = 3;

  // What is left of the piece at hand; empty at the end.
  std::string_view current() {
    for (;;) {
      if (pieces_.empty()) return {};
      const auto& piece = pieces_.front().result();
      file_->check();
      if (!piece.ok()) io_error("{}: {}", path(), piece.status().message());
      const std::string_view bytes(**piece);
      if (used_ < bytes.size()) return bytes.substr(used_);
      if (bytes.empty()) io_error("{}: it ended before its {} bytes", path(), bytes_);
      pieces_.pop_front();
      used_ = 0;
      fetch_ahead();
    }
  }

  void fetch_ahead() {
    while (pieces_.size() < kPieces && next_ < bytes_) {
      const std::int64_t size = std::min(kPieceBytes, bytes_ - next_);
      pieces_.push_back(file_->ReadAsync(next_, size));
      next_ += size;
    }
  }

  std::shared_ptr<InputFile> file_;
  std::int64_t bytes_ = 0;
  std::int64_t next_;     // where the next piece begins
  std::size_t used_ = 0;  // of the front piece
  std::deque<arrow::Future<std::shared_ptr<arrow::Buffer>>> pieces_;
};

}  // namespace

std::unique_ptr<RawFile> open_raw_file(const std::filesystem::path& path, std::int64_t from) {
  if (is_remote(path)) return std::make_unique<RemoteFile>(path, from);
  return std::make_unique<LocalFile>(path, from);
}

}  // namespace tpt::storage
