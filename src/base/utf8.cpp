#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace tpt {
namespace {

struct CodePoint {
  std::size_t bytes = 0;  // how many belong together; at least 1
  bool valid = false;
  bool incomplete = false;  // valid as far as it goes, and the text ends there
};

// Looks at the code point at the start of `text`. The invalid part is the longest that could have
// begun one.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {1, true, false};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return {1, false, false};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, false, true};
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (i == 1) {
      low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : low;
      high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : high;
    }
    if (byte(i) < low || byte(i) > high) return {i, false, false};
  }
  return {length, true, false};
}

std::size_t ascii_prefix_bytes(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  constexpr std::size_t kBlock = 32;
  std::size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    std::uint64_t words[kBlock / sizeof(std::uint64_t)];
    std::memcpy(words, text.data() + at, kBlock);
    if (((words[0] | words[1] | words[2] | words[3]) & kHighBits) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view bytes) {
  std::string_view rest = bytes;
  while (true) {
    rest.remove_prefix(ascii_prefix_bytes(rest));
    // Text that is not ASCII is so for a while.
    while (!rest.empty() && static_cast<unsigned char>(rest.front()) >= 0x80) {
      const CodePoint point = first_code_point(rest);
      if (!point.valid) return bytes.size() - rest.size();
      rest.remove_prefix(point.bytes);
    }
    if (rest.empty()) return bytes.size();
  }
}

bool is_utf8(std::string_view bytes) { return valid_utf8_prefix(bytes) == bytes.size(); }

std::string valid_utf8(std::string_view bytes, CutEnd cut_end) {
  std::string result;
  result.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t good = valid_utf8_prefix(bytes);
    result += bytes.substr(0, good);
    bytes.remove_prefix(good);
    if (bytes.empty()) break;
    const CodePoint point = first_code_point(bytes);
    if (point.incomplete && cut_end == CutEnd::dropped) break;
    result += "\uFFFD";
    bytes.remove_prefix(point.bytes);
  }
  return result;
}

}  // namespace tpt
