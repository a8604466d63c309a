#include "storage/remote_files.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/remote_service.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/key_value_metadata.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPieceBytes = std::int64_t{4} << 20U;

// Calls `take` with the object's bytes, piece by piece.
void read_pieces(const fs::path& url, const std::function<void(std::string_view)>& take) {
  auto file = remote_checked(remote_service(url).OpenInputFile(remote_name(url)), url);
  const std::int64_t bytes = remote_checked(file->GetSize(), url);
  for (std::int64_t at = 0; at < bytes;) {
    const auto piece = remote_checked(file->ReadAt(at, std::min(kPieceBytes, bytes - at)), url);
    if (piece->size() == 0) io_error("{}: it ended after {} of {} bytes", url.string(), at, bytes);
    take(std::string_view(*piece));
    at += piece->size();
  }
}

// Calls `write` with the stream of a new object. What fails leaves the old one, and no half one.
void write_object(const fs::path& url, const std::function<void(arrow::io::OutputStream&)>& write) {
  auto stream =
      remote_checked(remote_service(url).OpenOutputStream(remote_name(url), nullptr), url);
  try {
    write(*stream);
    // Closing would leave the pieces of a failed upload behind, aborting does not.
    remote_checked(stream->Flush(), url);
  } catch (...) {
    (void)stream->Abort();
    throw;
  }
  remote_checked(stream->Close(), url);
}

}  // namespace

RemoteEntry look_up_remote(const fs::path& url) {
  const auto info = remote_checked(remote_service(url).GetFileInfo(remote_name(url)), url);
  if (info.IsFile()) return {RemoteKind::file, info.size()};
  return {info.IsDirectory() ? RemoteKind::folder : RemoteKind::missing, 0};
}

std::vector<StoredFile> list_remote(const fs::path& folder) {
  arrow::fs::FileSelector below;
  below.base_dir = remote_name(folder);
  below.recursive = true;
  below.allow_not_found = true;
  std::vector<StoredFile> files;
  for (const auto& info : remote_checked(remote_service(folder).GetFileInfo(below), folder)) {
    if (info.IsFile()) files.push_back({"s3://" + info.path(), info.size()});
  }
  std::sort(files.begin(), files.end(),
            [](const StoredFile& left, const StoredFile& right) { return left.path < right.path; });
  return files;
}

RemoteContent remote_content(const fs::path& url) {
  const auto file = remote_checked(remote_service(url).OpenInputFile(remote_name(url)), url);
  const auto known = remote_checked(file->ReadMetadata(), url);
  RemoteContent content{.bytes = remote_checked(file->GetSize(), url)};
  const auto value = [&](const char* key) {
    const int place = known == nullptr ? -1 : known->FindKey(key);
    return place < 0 ? std::string() : known->value(place);
  };
  content.etag = value("ETag");
  std::erase(content.etag, '"');
  if (content.etag.empty()) io_error("{}: the service tells no ETag of it", url.string());
  content.version = value("VersionId");
  return content;
}

std::string read_remote(const fs::path& url) {
  std::string bytes;
  read_pieces(url, [&](std::string_view piece) { bytes += piece; });
  return bytes;
}

void fetch_remote(const fs::path& url, const fs::path& file) {
  AtomicFile copy(file);
  read_pieces(url, [&](std::string_view piece) { copy.write(piece); });
  copy.commit();
}

void put_remote(const fs::path& file, const fs::path& url) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(file.c_str(), "rb"),
                                                              &std::fclose);
  if (input == nullptr) io_error("cannot read {}: {}", file.string(), std::strerror(errno));
  write_object(url, [&](arrow::io::OutputStream& stream) {
    std::string piece(static_cast<std::size_t>(kPieceBytes), '\0');
    for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), input.get())) > 0;) {
      remote_checked(stream.Write(piece.data(), static_cast<std::int64_t>(got)), url);
    }
    if (std::ferror(input.get()) != 0) {
      io_error("cannot read {}: {}", file.string(), std::strerror(errno));
    }
  });
}

void put_remote_bytes(std::string_view bytes, const fs::path& url) {
  write_object(url, [&](arrow::io::OutputStream& stream) {
    remote_checked(stream.Write(bytes.data(), static_cast<std::int64_t>(bytes.size())), url);
  });
}

void remove_remote(const fs::path& url) {
  if (look_up_remote(url).kind != RemoteKind::file) return;
  remote_checked(remote_service(url).DeleteFile(remote_name(url)), url);
}

void remove_empty_remote_folder(const fs::path& folder) {
  if (look_up_remote(folder).kind != RemoteKind::folder || !list_remote(folder).empty()) return;
  remote_checked(remote_service(folder).DeleteDir(remote_name(folder)), folder);
}

}  // namespace tpt::storage
