// "The text says x = 7" where it says x = 5.
#pragma once

#include "filter/reading.h"

#include <string>
#include <string_view>

namespace tpt::filter {

// True for a sentence (in small letters) that says it repeats its document: "the passage states",
// "we are given", "according to the text".
bool says_it_quotes(std::string_view lower_sentence);

// The first value that the thinking quotes wrongly: "x = 7, document: x = 5"; "" where there is
// none. The document must give the name one value only, and the sentence say that it quotes.
std::string misquoted_value(const Reading& thinking, const Reading& document);

}  // namespace tpt::filter
