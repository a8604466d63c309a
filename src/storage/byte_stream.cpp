#include "storage/byte_stream.h"

#include "base/error.h"
#include "storage/raw_file.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tpt::storage {
namespace {

constexpr std::size_t kChunk = std::size_t{1} << 18U;

class GzipStream : public ByteStream {
 public:
  explicit GzipStream(std::unique_ptr<RawFile> file) : file_(std::move(file)), input_(kChunk) {
    constexpr int kGzipWindow = 15 + 16;
    TPT_CHECK(inflateInit2(&stream_, kGzipWindow) == Z_OK);
  }
  ~GzipStream() override { inflateEnd(&stream_); }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  std::size_t read(char* buffer, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(std::min(size, kChunk));
    const std::size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      if (stream_.avail_in == 0 && !refill()) {
        if (inside_member_) data_error("{}: the gzip archive is cut short", file_->path());
        return 0;
      }
      if (!inside_member_) start_member();
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        inside_member_ = false;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        data_error("{}: the gzip archive is damaged ({})", file_->path(),
                   stream_.msg != nullptr ? stream_.msg : "no more is known");
      }
    }
    return wanted - stream_.avail_out;
  }
  std::int64_t file_bytes() const override { return file_->file_bytes(); }

 private:
  bool refill() {
    stream_.avail_in = static_cast<uInt>(file_->read(input_.data(), input_.size()));
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    return stream_.avail_in > 0;
  }
  void start_member() {
    TPT_CHECK(inflateReset(&stream_) == Z_OK);
    inside_member_ = true;
  }

  std::unique_ptr<RawFile> file_;
  std::vector<char> input_;
  z_stream stream_{};
  bool inside_member_ = true;
};

class ZstdStream : public ByteStream {
 public:
  explicit ZstdStream(std::unique_ptr<RawFile> file)
      : file_(std::move(file)), buffer_(kChunk), stream_(ZSTD_createDStream()) {
    TPT_CHECK(stream_ != nullptr);
  }
  ~ZstdStream() override { ZSTD_freeDStream(stream_); }
  ZstdStream(const ZstdStream&) = delete;
  ZstdStream& operator=(const ZstdStream&) = delete;

  std::size_t read(char* buffer, std::size_t size) override {
    ZSTD_outBuffer output{buffer, size, 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) {
        input_ = {buffer_.data(), file_->read(buffer_.data(), buffer_.size()), 0};
        if (input_.size == 0) {
          if (inside_frame_) data_error("{}: the zstd archive is cut short", file_->path());
          return 0;
        }
      }
      const std::size_t code = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(code) != 0) {
        data_error("{}: the zstd archive is damaged ({})", file_->path(), ZSTD_getErrorName(code));
      }
      inside_frame_ = code != 0;
    }
    return output.pos;
  }
  std::int64_t file_bytes() const override { return file_->file_bytes(); }

 private:
  std::unique_ptr<RawFile> file_;
  std::vector<char> buffer_;
  ZSTD_DStream* stream_ = nullptr;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool inside_frame_ = false;
};

// A frame, or a skippable frame as pzstd writes first.
bool is_zstd(const std::string& start) {
  return start == "\x28\xb5\x2f\xfd" ||
         (start.size() == 4 && start.ends_with("\x2a\x4d\x18") && (start[0] & 0xf0) == 0x50);
}

bool is_gzip(const std::string& start) { return start.starts_with("\x1f\x8b"); }

}  // namespace

bool is_archive(const std::filesystem::path& path) {
  const std::string start = open_raw_file(path)->first_bytes(4);
  return is_gzip(start) || is_zstd(start);
}

std::unique_ptr<ByteStream> open_byte_stream(const std::filesystem::path& path) {
  auto file = open_raw_file(path);
  const std::string start = file->first_bytes(4);
  if (is_gzip(start)) return std::make_unique<GzipStream>(std::move(file));
  if (is_zstd(start)) return std::make_unique<ZstdStream>(std::move(file));
  return file;
}

}  // namespace tpt::storage
