// Whether the model declined instead of thinking.
#pragma once

#include "filter/reading.h"

#include <string>

namespace tpt::filter {

// The sentence that declines ("I'm sorry, but I can't assist with that.", "As an AI language model,
// I ..."), in a dozen languages; "" where there is none. It must open a sentence and be the model's
// own: one that is quoted, or stands in the document, or comes later in thinking about a document
// on such refusals, does not count.
std::string refusal_in(const Reading& thinking, const Reading& document);

}  // namespace tpt::filter
