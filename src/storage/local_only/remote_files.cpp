// For programs without Arrow, which only train: what lies on S3 is refused by name.
#include "storage/remote_files.h"

#include "base/error.h"

namespace tpt::storage {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& url) {
  user_error("{}: this program only trains and does not read S3: copy it to this machine",
             url.string());
}

}  // namespace

RemoteEntry look_up_remote(const std::filesystem::path& url) { refuse(url); }

std::vector<StoredFile> list_remote(const std::filesystem::path& folder) { refuse(folder); }

RemoteContent remote_content(const std::filesystem::path& url) { refuse(url); }

std::string read_remote(const std::filesystem::path& url) { refuse(url); }

void fetch_remote(const std::filesystem::path& url, const std::filesystem::path& /*file*/) {
  refuse(url);
}

void put_remote(const std::filesystem::path& /*file*/, const std::filesystem::path& url) {
  refuse(url);
}

void put_remote_bytes(std::string_view /*bytes*/, const std::filesystem::path& url) { refuse(url); }

void remove_remote(const std::filesystem::path& url) { refuse(url); }

void remove_empty_remote_folder(const std::filesystem::path& folder) { refuse(folder); }

}  // namespace tpt::storage
