#include "tokenize/unicode.h"

#include "base/error.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace tpt::tokenize {
namespace {

// Bytes of the code point at `position`, 0 where there is no valid one.
std::size_t valid_length(std::string_view text, std::size_t position) {
  utf8proc_int32_t character = -1;
  const auto length =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + position,
                       static_cast<utf8proc_ssize_t>(text.size() - position), &character);
  return length > 0 ? static_cast<std::size_t>(length) : 0;
}

}  // namespace

std::size_t code_point_floor(std::string_view text, std::size_t position) {
  if (position >= text.size()) {
    return text.size();
  }
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, position); ++back) {
    const std::size_t start = position - back;
    const auto byte = static_cast<unsigned char>(text[start]);
    if (byte < 0x80) {
      break;
    }
    if (byte >= 0xC0) {
      return start + valid_length(text, start) > position ? start : position;
    }
  }
  return position;
}

std::size_t code_point_end(std::string_view text, std::size_t position) {
  return position + std::max<std::size_t>(1, valid_length(text, position));
}

bool may_need_nfc(std::string_view text) {
  // Below U+0300, whose first byte is 0xCC, nothing changes under NFC.
  return std::any_of(text.begin(), text.end(),
                     [](char byte) { return static_cast<unsigned char>(byte) >= 0xCC; });
}

std::string to_nfc(std::string_view text) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto bytes =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  TPT_CHECK(bytes >= 0, "NFC: {}", utf8proc_errmsg(bytes));
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(bytes));
}

}  // namespace tpt::tokenize
