// What many machines write side by side: OUT/shard-00003-of-00016/, each the folder of a finished
// step with its own manifest, read back as one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tpt::storage {

// `index` counts from 0.
std::string shard_folder_name(std::int64_t index, std::int64_t count);

// The shards of a folder in order; nothing where it has none. Error(user) that names those that are
// missing or not finished, and where shards of several counts stand side by side.
std::vector<std::filesystem::path> shard_folders(const std::filesystem::path& folder);

}  // namespace tpt::storage
