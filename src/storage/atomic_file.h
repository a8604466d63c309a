// A file that is there whole or not at all: written beside its name, fsynced, renamed, its folder
// fsynced.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

namespace tpt::storage {

class AtomicFile {
 public:
  // Opens `path` + ".partial" for writing; Error(io) where that fails.
  explicit AtomicFile(std::filesystem::path path);
  // Removes the partial file unless committed.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  // After this the file stands under its name, whatever happens to the machine. Error(io) for a
  // full disk.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path partial_;
  std::FILE* file_ = nullptr;
};

// The whole file in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);
// The whole file; Error(io) where it cannot be read.
std::string read_file(const std::filesystem::path& path);
// Makes the rename of `path` durable (fsync of its folder).
void sync_folder(const std::filesystem::path& path);

}  // namespace tpt::storage
