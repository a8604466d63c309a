// Text of any origin inside Markdown and YAML, where it must stay text.
#pragma once

#include <string>
#include <string_view>

namespace tpt::augment {

// One line of Markdown that shows `text` as it is, in a table's cell too: marks are escaped, line
// ends and control characters become spaces, characters that turn the direction of writing U+FFFD.
std::string markdown_text(std::string_view text);

// A fenced block that holds `text` byte for byte (but for bytes that are not UTF-8), whatever
// fences stand in it.
std::string markdown_block(std::string_view text);

// A quoted scalar of YAML, on one line.
std::string yaml_text(std::string_view text);

// The identifier that the Hugging Face Hub has for a licence ("apache-2.0" for "Apache License
// 2.0"); "other" where it has none.
std::string hub_licence(std::string_view licence);

}  // namespace tpt::augment
