// What the tokenizers need to know of UTF-8 and Unicode.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tpt::tokenize {

// The largest position not above `position` that does not cut a code point. Invalid bytes count as
// code points of their own.
std::size_t code_point_floor(std::string_view text, std::size_t position);
// The position after the code point (or invalid byte) that starts at `position`.
std::size_t code_point_end(std::string_view text, std::size_t position);
// True where the text may change under NFC; false is certain.
bool may_need_nfc(std::string_view text);
// Normalisation form C of valid UTF-8.
std::string to_nfc(std::string_view text);

}  // namespace tpt::tokenize
