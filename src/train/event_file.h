// A TensorBoard event file: scalars by tag and step, in the framing of TFRecord (length, masked
// CRC-32C, protocol buffer, masked CRC-32C) that TensorBoard reads.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::train {

// CRC-32C (Castagnoli) of bytes.
std::uint32_t crc32c(std::string_view bytes);

class EventFile {
 public:
  // Opens for appending and cuts off what lies beyond `keep_bytes`: events of steps that the state
  // to be resumed from has not done. A new file begins with its version.
  EventFile(const std::filesystem::path& path, std::int64_t keep_bytes);

  // One event with all the values. TensorBoard sees it at once. Error(io) for a full disk.
  void append(std::int64_t step, const std::vector<std::pair<std::string, double>>& values);
  // Makes the events durable; returns the length of the file.
  std::int64_t sync();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void write_record(std::string_view event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::int64_t bytes_ = 0;
};

}  // namespace tpt::train
