// The commonest words of the languages that are told apart by them.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace tpt::filter {

inline constexpr std::size_t kLanguages = 17;

struct LanguageProfile {
  std::string_view name;   // "English"
  std::string_view words;  // in small letters, with spaces between
};

const std::array<LanguageProfile, kLanguages>& language_profiles();

}  // namespace tpt::filter
