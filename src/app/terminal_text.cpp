#include "app/terminal_text.h"

#include <utf8proc.h>

#include <algorithm>

namespace tpt::app {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: no valid one here
};

Character character_at(std::string_view text, std::size_t at) {
  utf8proc_int32_t code = -1;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                      static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  if (bytes <= 0) return {};
  return {static_cast<char32_t>(code), static_cast<std::size_t>(bytes)};
}

// Turns the direction of what follows, or has no picture at all: U+200E to U+202E, U+2060 to
// U+2069, U+FEFF, tags.
bool is_hidden(char32_t code) {
  return code == 0x061C || code == 0x200B || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2060 && code <= 0x206F) ||
         code == 0xFEFF || (code >= 0xFFF9 && code <= 0xFFFB) ||
         (code >= 0xE0000 && code <= 0xE0FFF);
}

void add_picture(std::string& text, char32_t code) {
  const char32_t picture = code == 0x7F ? 0x2421 : 0x2400 + code;
  text += static_cast<char>(0xE0U | (picture >> 12U));
  text += static_cast<char>(0x80U | ((picture >> 6U) & 0x3FU));
  text += static_cast<char>(0x80U | (picture & 0x3FU));
}

std::size_t width_of(char32_t code) {
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(code));
  return width > 0 ? static_cast<std::size_t>(width) : 0;
}

void wrap_line(std::string_view line, std::size_t width, std::vector<std::string>& lines) {
  while (true) {
    std::size_t end = 0;
    std::size_t columns = 0;
    std::size_t space = 0;  // behind the last one that fits
    while (end < line.size()) {
      const Character character = character_at(line, end);
      const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
      const std::size_t wide = width_of(character.code);
      if (columns + wide > width && end > 0) break;
      columns += wide;
      end += bytes;
      if (character.code == ' ') space = end;
    }
    if (end == line.size()) break;
    const std::size_t cut = line[end] == ' ' ? end + 1 : space > 0 ? space : end;
    std::string_view piece = line.substr(0, cut);
    while (!piece.empty() && piece.back() == ' ') piece.remove_suffix(1);
    lines.emplace_back(piece);
    line.remove_prefix(cut);
  }
  lines.emplace_back(line);
}

}  // namespace

std::string harmless(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    const char32_t code = character.code;
    if (character.bytes == 0 || is_hidden(code) || (code >= 0x80 && code < 0xA0)) {
      result += kReplacement;
    } else if (code == '\t') {
      result += "    ";
    } else if (code == '\r' && text.substr(at + 1, 1) == "\n") {
      // The line end follows.
    } else if ((code < 0x20 && code != '\n') || code == 0x7F) {
      add_picture(result, code);
    } else {
      result.append(text.substr(at, character.bytes));
    }
    at += std::max<std::size_t>(character.bytes, 1);
  }
  return result;
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    columns += width_of(character.code);
    at += std::max<std::size_t>(character.bytes, 1);
  }
  return columns;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    wrap_line(text.substr(0, end), std::max<std::size_t>(width, 2), lines);
    if (end == text.size()) return lines;
    text.remove_prefix(end + 1);
  }
}

std::string fitted(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  for (std::size_t columns = 0; end < text.size();) {
    const Character character = character_at(text, end);
    columns += width_of(character.code);
    if (columns > width) break;
    end += std::max<std::size_t>(character.bytes, 1);
  }
  return std::string(text.substr(0, end));
}

}  // namespace tpt::app
