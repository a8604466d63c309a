// Plain sentences: text with nothing to work out.
#pragma once

#include "base/random.h"

#include <string>
#include <string_view>

namespace tpt::lab {

// One English sentence from a few hundred thousand: "The old sailor mends a net by the harbour."
std::string draw_sentence(Random& random);

// Words of letters with spaces, commas and apostrophes between, a capital first, a period last: no
// digits, no operations, nothing outside ASCII.
bool is_plain_sentence(std::string_view text);

}  // namespace tpt::lab
