// Plain arithmetic in the thinking that is false.
#pragma once

#include "filter/reading.h"

#include <string>

namespace tpt::filter {

// The first false equation as it was written, with what is right: "3*4=13 (3*4 is 12)"; "" where
// there is none. An equation that is doubted, supposed, corrected later on, or stands so in the
// document is not the thinking's own; other kinds of arithmetic (modulo, binary) are not judged.
std::string false_arithmetic(const Reading& thinking, const Reading& document);

}  // namespace tpt::filter
