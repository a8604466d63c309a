#include "filter/script.h"

#include <array>
#include <bit>

namespace tpt::filter {

namespace {

struct Range {
  char32_t first;
  char32_t last;
  Script script;
};

constexpr std::array<Range, 24> kRanges = {{
    {0x41, 0x5A, Script::latin},        {0x61, 0x7A, Script::latin},
    {0xC0, 0x24F, Script::latin},       {0x1E00, 0x1EFF, Script::latin},
    {0x370, 0x3FF, Script::greek},      {0x1F00, 0x1FFF, Script::greek},
    {0x400, 0x52F, Script::cyrillic},   {0x530, 0x58F, Script::armenian},
    {0x590, 0x5FF, Script::hebrew},     {0x600, 0x6FF, Script::arabic},
    {0x750, 0x77F, Script::arabic},     {0xFB50, 0xFDFF, Script::arabic},
    {0x900, 0x97F, Script::devanagari}, {0x980, 0x9FF, Script::bengali},
    {0xB80, 0xBFF, Script::tamil},      {0xE00, 0xE7F, Script::thai},
    {0x10A0, 0x10FF, Script::georgian}, {0x1100, 0x11FF, Script::hangul},
    {0xAC00, 0xD7AF, Script::hangul},   {0x3041, 0x30FF, Script::kana},
    {0x3400, 0x4DBF, Script::han},      {0x4E00, 0x9FFF, Script::han},
    {0xF900, 0xFAFF, Script::han},      {0x20000, 0x3134F, Script::han},
}};

char32_t first_code_point(std::string_view word) {
  const auto lead = static_cast<unsigned char>(word.front());
  const int ones = std::countl_one(lead);
  if (ones < 2 || ones > 4 || word.size() < static_cast<std::size_t>(ones)) return lead;
  char32_t code = lead & (0x7FU >> static_cast<unsigned>(ones));
  for (int i = 1; i < ones; ++i) {
    code = (code << 6U) | (static_cast<unsigned char>(word[static_cast<std::size_t>(i)]) & 0x3FU);
  }
  return code;
}

}  // namespace

Script script_beyond_ascii(std::string_view word) {
  const char32_t code = first_code_point(word);
  for (const Range& range : kRanges) {
    if (code >= range.first && code <= range.last) return range.script;
  }
  return Script::none;
}

std::string_view script_name(Script script) {
  constexpr std::array<std::string_view, 15> kNames = {
      "no script", "Latin", "Greek",    "Cyrillic", "Hebrew", "Arabic",   "Devanagari", "Bengali",
      "Tamil",     "Thai",  "Georgian", "Armenian", "Korean", "Japanese", "Chinese"};
  return kNames[static_cast<std::size_t>(script)];
}

}  // namespace tpt::filter
