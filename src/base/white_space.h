// White space at the ends of texts, as the files and answers of engines have it.
#pragma once

#include <string_view>

namespace tpt {

inline constexpr std::string_view kWhiteSpace = " \t\r\n";

inline bool is_blank(std::string_view text) {
  return text.find_first_not_of(kWhiteSpace) == std::string_view::npos;
}

// Without the white space before and behind it; a part of `text`.
inline std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

}  // namespace tpt
