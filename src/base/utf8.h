// UTF-8 as Unicode 15 has it (table 3-7): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tpt {

// Bytes of the longest prefix that is valid.
std::size_t valid_utf8_prefix(std::string_view bytes);

bool is_utf8(std::string_view bytes);

// What becomes of a code point that the end of the bytes cuts off.
enum class CutEnd { replaced, dropped };

// The bytes with U+FFFD for what is not valid.
std::string valid_utf8(std::string_view bytes, CutEnd cut_end = CutEnd::replaced);

}  // namespace tpt
