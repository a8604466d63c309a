// Statements of the document that the thinking repeats with another number.
#pragma once

#include "filter/reading.h"

#include <string>

namespace tpt::filter {

// The first one found: "km long: 240, document: 260"; "" where there is none. Found are
// - the same words around a number (six of them, four where the thinking says that it quotes) with
//   one number in the document and another, which the document does not have, in the thinking;
// - a name with the same verb and another year ("the treaty ... signed in 1849").
// A sentence that supposes, doubts, rounds or compares claims nothing, and one with further numbers
// that the document's sentence has not is another statement.
std::string contradicted_number(const Reading& thinking, const Reading& document);

}  // namespace tpt::filter
