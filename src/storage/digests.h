// The digests of a folder's files, so that a flipped bit or a file cut short is refused by name.
#pragma once

#include <filesystem>

namespace tpt::storage {

// What may stand in a folder beside the files that are listed.
enum class Unlisted {
  none,
  no_weights  // notes, exports: anything but another .safetensors
};

// Writes folder/digests.json: bytes and SHA-256 of every other file of the folder.
void write_digests(const std::filesystem::path& folder);

// Error(data) naming the first file that is missing, damaged, of another length, or not listed;
// digests.json itself carries the digest of its list.
void check_digests(const std::filesystem::path& folder, Unlisted unlisted = Unlisted::none);

// Whether the folder has digests at all: those of other programs have not.
bool has_digests(const std::filesystem::path& folder);

}  // namespace tpt::storage
