// Whether the thinking keeps to the language of its document.
#pragma once

#include "filter/reading.h"

#include <string>

namespace tpt::filter {

struct Drift {
  double share = 0;    // of the thinking's words that stand in another language or script
  std::string detail;  // "Chinese from word 212 on, English before"
};

// Scripts are told by their code points, languages in Latin script by their commonest words, both
// in blocks of 40 words. Code, formulas, single letters, and words that stand in the document do
// not count; a block whose language is not clear belongs to none. A document that is too short to
// tell, or is code, leaves the first language of the thinking as the one to keep to.
Drift language_drift(const Reading& thinking, const Reading& document);

}  // namespace tpt::filter
