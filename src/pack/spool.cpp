#include "pack/spool.h"

#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tpt::pack {
namespace {

class File {
 public:
  explicit File(std::filesystem::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wb")) {
    if (file_ == nullptr) {
      fail();
    }
  }
  ~File() {
    if (file_ != nullptr) {
      std::fclose(file_);
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  void write(const void* data, std::size_t bytes) {
    if (bytes > 0 && std::fwrite(data, 1, bytes, file_) != bytes) {
      fail();
    }
  }
  void close() {
    const int failed = std::fclose(file_);
    file_ = nullptr;
    if (failed != 0) {
      fail();
    }
  }

 private:
  [[noreturn]] void fail() const {
    io_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }

  std::filesystem::path path_;
  std::FILE* file_;
};

}  // namespace

struct Spool::Output {
  explicit Output(const std::filesystem::path& folder)
      : ids(folder / "ids"),
        spans(folder / "spans"),
        names(folder / "names"),
        index(folder / "index") {}

  File ids;
  File spans;
  File names;
  File index;
};

Spool::Spool(std::filesystem::path folder, std::size_t id_bytes)
    : folder_(std::move(folder)), id_bytes_(id_bytes) {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  std::filesystem::create_directories(folder_, error);
  if (error) {
    io_error("{}: cannot be made: {}", folder_.string(), error.message());
  }
  output_ = std::make_unique<Output>(folder_);
}

Spool::~Spool() {
  output_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Spool::put(const TokenSequence& sequence, std::uint64_t item) {
  const Entry entry{next_token_,
                    next_span_,
                    item,
                    static_cast<std::uint32_t>(sequence.ids.size()),
                    static_cast<std::uint32_t>(sequence.spans.size()),
                    next_name_byte_,
                    sequence.id.size()};
  if (id_bytes_ == 2) {
    const std::vector<std::uint16_t> ids(sequence.ids.begin(), sequence.ids.end());
    output_->ids.write(ids.data(), ids.size() * 2);
  } else {
    output_->ids.write(sequence.ids.data(), sequence.ids.size() * 4);
  }
  output_->spans.write(sequence.spans.data(), sequence.spans.size() * sizeof(Span));
  output_->names.write(sequence.id.data(), sequence.id.size());
  output_->index.write(&entry, sizeof(entry));
  next_token_ += entry.tokens;
  next_span_ += entry.spans;
  next_name_byte_ += entry.name_bytes;
}

void Spool::finish() {
  output_->ids.close();
  output_->spans.close();
  output_->names.close();
  output_->index.close();
  output_.reset();
  ids_ = MappedFile(folder_ / "ids");
  spans_ = MappedFile(folder_ / "spans");
  names_ = MappedFile(folder_ / "names");
  index_ = MappedFile(folder_ / "index");
}

std::vector<Span> Spool::spans(std::size_t sequence) const {
  const Entry at = entry(sequence);
  std::vector<Span> spans;
  for (std::size_t i = 0; i < at.spans; ++i) {
    spans.push_back(spans_.at<Span>((at.first_span + i) * sizeof(Span)));
  }
  return spans;
}

std::string_view Spool::name(std::size_t sequence) const {
  const Entry at = entry(sequence);
  return names_.bytes(at.first_name_byte, at.name_bytes);
}

std::string_view Spool::ids(std::size_t sequence, std::size_t offset, std::size_t tokens) const {
  const Entry at = entry(sequence);
  TPT_CHECK(offset + tokens <= at.tokens);
  return ids_.bytes((at.first_token + offset) * id_bytes_, tokens * id_bytes_);
}

}  // namespace tpt::pack
