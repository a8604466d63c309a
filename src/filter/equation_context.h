// Whether the words around an equation leave its numbers alone: "half of 3 + 4 = 5 million" says
// something else than 3 + 4 = 5.
#pragma once

#include <cstddef>
#include <string_view>

namespace tpt::filter {

// The letters that start at `at`; "" where none do.
std::string_view word_at(std::string_view lower, std::size_t at);
// `at`, or what is behind the spaces and dollars there.
std::size_t behind_spaces(std::string_view text, std::size_t at);

// True where the text before a left side, which starts at `at`, leaves its meaning alone.
bool starts_freely(std::string_view text, std::size_t at);
// True where the text behind a right side, which ends at `at`, leaves its meaning alone.
bool ends_freely(std::string_view lower, std::size_t at);

}  // namespace tpt::filter
