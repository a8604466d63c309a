// The printable characters by which byte-level vocabularies write down bytes (GPT-2's table): byte
// 0x20 stands as U+0120, "G with a dot". Inside the program tokens are plain bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tpt::tokenize {

// The characters, in UTF-8, that stand for these bytes.
std::string to_alphabet(std::string_view bytes);
// The reverse; nothing where a character is not of the alphabet.
std::optional<std::string> from_alphabet(std::string_view characters);

}  // namespace tpt::tokenize
