// Which script a word is written in.
#pragma once

#include <cstdint>
#include <string_view>

namespace tpt::filter {

enum class Script : std::uint8_t {
  none,  // digits, signs, what is not told apart here
  latin,
  greek,
  cyrillic,
  hebrew,
  arabic,
  devanagari,
  bengali,
  tamil,
  thai,
  georgian,
  armenian,
  hangul,
  kana,
  han
};

// By the first code point of `word`.
Script script_beyond_ascii(std::string_view word);
inline Script script_of(std::string_view word) {
  if (word.empty()) return Script::none;
  const auto first = static_cast<unsigned char>(word[0]);
  if (first >= 0x80U) return script_beyond_ascii(word);
  return (first | 0x20U) - 'a' < 26U ? Script::latin : Script::none;
}
// "Latin", "Han", ...
std::string_view script_name(Script script);

}  // namespace tpt::filter
