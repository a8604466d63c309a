// The commonest words of languages in Latin script: enough to tell which one a paragraph is in.
#pragma once

#include "filter/language_profiles.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tpt::filter {

// "English", "French", ...; `language` below kLanguages.
std::string_view language_name(std::size_t language);

// A count for each language, of 255 at most: eight in a word, so that adding asks for no language.
class LanguageCounts {
 public:
  void add(const LanguageCounts& other) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i] += other.lanes_[i];
  }
  void add_one(std::size_t language) {
    lanes_[language / 8] += std::uint64_t{1} << (8 * (language % 8));
  }
  std::uint8_t of(std::size_t language) const {
    return static_cast<std::uint8_t>(lanes_[language / 8] >> (8 * (language % 8)));
  }

 private:
  std::array<std::uint64_t, (kLanguages + 7) / 8> lanes_{};
};

struct StopWord {
  std::uint64_t hash = 0;    // word_hash()
  LanguageCounts languages;  // 1 for each that has it among its commonest words
  std::uint16_t number = 0;  // from 1 to kMostStopWords - 1; 0 for a word of none
};

inline constexpr std::size_t kMostStopWords = 2048;

// The word with this word_hash(), or that of number 0 and no language.
const StopWord& stop_word(std::uint64_t hash);

}  // namespace tpt::filter
