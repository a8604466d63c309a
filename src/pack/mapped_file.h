// A file as read-only memory.
#pragma once

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace tpt::pack {

class MappedFile {
 public:
  MappedFile() = default;
  // Error(io) where the file cannot be opened or mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::size_t size() const { return size_; }
  std::string_view bytes(std::size_t offset, std::size_t count) const {
    return {data_ + offset, count};
  }
  // A number at any offset, aligned or not; the caller has checked that it lies in the file.
  template <typename T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, data_ + offset, sizeof(T));
    return value;
  }

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace tpt::pack
