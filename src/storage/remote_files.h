// Objects on S3, or on a server that speaks its protocol, by their URL: "s3://bucket/folder/name".
// The name is taken as it stands, without %-escapes. Endpoint, region and keys are those of the
// AWS SDK: AWS_ENDPOINT_URL (or AWS_ENDPOINT_URL_S3), AWS_REGION, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, ~/.aws. A request that fails for a reason that may pass
// is sent up to AWS_MAX_ATTEMPTS times (10: about a minute).
//
// Every call throws Error(io) where the service refuses or cannot be reached.
#pragma once

#include "storage/files.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::storage {

// What tells the content of an object without reading it.
struct RemoteContent {
  std::int64_t bytes = 0;
  std::string etag;     // as the service gives it, without quotes
  std::string version;  // "" where the bucket keeps none
};

enum class RemoteKind { missing, file, folder };

struct RemoteEntry {
  RemoteKind kind = RemoteKind::missing;
  std::int64_t bytes = 0;  // of a file
};

// A folder is a prefix that has objects below it.
RemoteEntry look_up_remote(const std::filesystem::path& url);
// Every object below the folder at any depth, in the order of names; nothing where it is missing.
std::vector<StoredFile> list_remote(const std::filesystem::path& folder);
RemoteContent remote_content(const std::filesystem::path& url);

std::string read_remote(const std::filesystem::path& url);
// Into a file that is there whole or not at all.
void fetch_remote(const std::filesystem::path& url, const std::filesystem::path& file);

// The object is there whole or not at all, and replaces what stood under the name.
void put_remote(const std::filesystem::path& file, const std::filesystem::path& url);
void put_remote_bytes(std::string_view bytes, const std::filesystem::path& url);
// Nothing happens where there is none. Leaves an empty object "FOLDER/", as tools do that take S3
// for a file system: a folder without files.
void remove_remote(const std::filesystem::path& url);
// Nothing happens to a folder that has objects.
void remove_empty_remote_folder(const std::filesystem::path& folder);

}  // namespace tpt::storage
