#include "train/event_file.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <unistd.h>

namespace tpt::train {
namespace {

static_assert(std::endian::native == std::endian::little, "the layouts are little-endian");

constexpr std::array<std::uint32_t, 256> make_table() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1U) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    }
    table[byte] = value;
  }
  return table;
}
constexpr auto kTable = make_table();

// TensorFlow's mask, so that a checksum of checksums stays one.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U; }

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

// Protocol buffers, by hand: a field is (number << 3 | wire type), then its value.
enum class Wire : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) {
    out.push_back(static_cast<char>((value & 0x7FU) | 0x80U));
  }
  out.push_back(static_cast<char>(value));
}

void put_key(std::string& out, std::uint32_t field, Wire wire) {
  put_varint(out, (field << 3U) | static_cast<std::uint32_t>(wire));
}

void put_text(std::string& out, std::uint32_t field, std::string_view text) {
  put_key(out, field, Wire::bytes);
  put_varint(out, text.size());
  out += text;
}

double now_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
std::string event_with(std::int64_t step, std::uint32_t field, std::string_view content) {
  std::string event;
  put_key(event, 1, Wire::fixed64);
  event += bytes_of(now_seconds());
  put_key(event, 2, Wire::varint);
  put_varint(event, static_cast<std::uint64_t>(step));
  put_text(event, field, content);
  return event;
}

// Summary { repeated Value value = 1; }  Value { string tag = 1; float simple_value = 2; }
std::string summary_of(const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, number] : values) {
    std::string value;
    put_text(value, 1, tag);
    put_key(value, 2, Wire::fixed32);
    value += bytes_of(static_cast<float>(number));
    put_text(summary, 1, value);
  }
  return summary;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc = (crc >> 8U) ^ kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFFU];
  }
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& path, std::int64_t keep_bytes)
    : path_(path), file_(std::fopen(path.c_str(), "ab")) {
  constexpr std::uint32_t kFileVersion = 3;
  if (file_ == nullptr) {
    io_error("{}: cannot be opened for writing: {}", path.string(), std::strerror(errno));
  }
  std::fseek(file_.get(), 0, SEEK_END);
  const std::int64_t present = std::ftell(file_.get());
  bytes_ = std::min(present, keep_bytes);
  if (present > keep_bytes && ::ftruncate(::fileno(file_.get()), keep_bytes) != 0) {
    io_error("{}: cannot be cut to {} bytes: {}", path.string(), keep_bytes, std::strerror(errno));
  }
  if (bytes_ == 0) {
    write_record(event_with(0, kFileVersion, "brain.Event:2"));
  }
}

void EventFile::write_record(std::string_view event) {
  const std::string length = bytes_of(static_cast<std::uint64_t>(event.size()));
  std::string record = length;
  record += bytes_of(masked(crc32c(length)));
  record += event;
  record += bytes_of(masked(crc32c(event)));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size() ||
      std::fflush(file_.get()) != 0) {
    io_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  bytes_ += static_cast<std::int64_t>(record.size());
}

void EventFile::append(std::int64_t step,
                       const std::vector<std::pair<std::string, double>>& values) {
  constexpr std::uint32_t kSummary = 5;
  write_record(event_with(step, kSummary, summary_of(values)));
}

std::int64_t EventFile::sync() {
  if (::fsync(::fileno(file_.get())) != 0) {
    io_error("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
  return bytes_;
}

}  // namespace tpt::train
