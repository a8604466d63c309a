// Whether bytes are UTF-8.
#pragma once

#include <string_view>

namespace tpt::corpus {

// As Unicode has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes);

}  // namespace tpt::corpus
