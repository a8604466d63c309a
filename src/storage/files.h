// Files and folders wherever they lie: on disk, or on S3 where the path begins with "s3://".
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace tpt::storage {

bool is_remote(const std::filesystem::path& path);

// Error(io) where the answer cannot be had.
bool is_file(const std::filesystem::path& path);
bool is_folder(const std::filesystem::path& path);
std::int64_t file_bytes(const std::filesystem::path& path);

struct StoredFile {
  std::filesystem::path path;
  std::int64_t bytes = 0;
};

// Every file below the folder, at any depth, in the order of names; links are followed. Error(io)
// for what cannot be read, and for links in a circle.
std::vector<StoredFile> files_below(const std::filesystem::path& folder);

}  // namespace tpt::storage
