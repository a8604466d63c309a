// The commonest words of languages in Latin script: enough to tell which one a paragraph is in.
#pragma once

#include "filter/language_profiles.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tpt::filter {

// "English", "French", ...; `language` below kLanguages.
std::string_view language_name(std::size_t language);

// A bit for each language that has the word with this word_hash() among its commonest; 0 for a word
// of none.
std::uint32_t languages_with(std::uint64_t word);

}  // namespace tpt::filter
