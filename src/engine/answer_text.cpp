#include "engine/answer_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tpt::engine {

namespace {

struct CodePoint {
  std::size_t bytes = 0;  // how many belong together; at least 1
  bool valid = false;
  bool incomplete = false;  // valid as far as it goes, and the text ends there
};

// Looks at the code point at the start of `text` (Unicode 15, table 3-7: no overlong forms, no
// surrogates, nothing above U+10FFFF). The invalid part is the longest that could have begun one.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return {1, true, false};
  }
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) {
    return {1, false, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) {
      return {i, false, true};
    }
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (i == 1) {
      low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : low;
      high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : high;
    }
    if (byte(i) < low || byte(i) > high) {
      return {i, false, false};
    }
  }
  return {length, true, false};
}

std::size_t ascii_prefix_bytes(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text.data() + i, 8);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

std::string repaired(std::string_view rest, bool keep_cut_end) {
  std::string result;
  result.reserve(rest.size());
  while (!rest.empty()) {
    const std::size_t ascii = ascii_prefix_bytes(rest);
    result += rest.substr(0, ascii);
    rest.remove_prefix(ascii);
    if (rest.empty()) break;
    const CodePoint point = first_code_point(rest);
    if (point.incomplete && !keep_cut_end) break;
    const bool good = point.valid && !point.incomplete;
    result += good ? rest.substr(0, point.bytes) : std::string_view("\uFFFD");
    rest.remove_prefix(point.bytes);
  }
  return result;
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    bytes.remove_prefix(ascii_prefix_bytes(bytes));
    if (bytes.empty()) break;
    const CodePoint point = first_code_point(bytes);
    if (!point.valid || point.incomplete) return false;
    bytes.remove_prefix(point.bytes);
  }
  return true;
}

std::string valid_utf8(std::string_view bytes) { return repaired(bytes, true); }

AnswerText::AnswerText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
  for (const std::string& stop : stops_) {
    longest_stop_ = std::max(longest_stop_, stop.size());
  }
}

bool AnswerText::append(std::string_view piece) {
  const std::size_t searched = bytes_.size();
  bytes_ += piece;
  // A stop string may have begun in the bytes before this piece.
  const std::size_t from = searched - std::min(searched, longest_stop_);
  std::size_t cut = std::string::npos;
  for (const std::string& stop : stops_) {
    cut = std::min(cut, bytes_.find(stop, from));
  }
  if (cut == std::string::npos) {
    return false;
  }
  bytes_.resize(cut);
  return true;
}

std::string AnswerText::text() const { return repaired(bytes_, false); }

}  // namespace tpt::engine
