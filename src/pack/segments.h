// How the parts of a sample come to stand one behind the other.
#pragma once

#include "records/sample.h"

#include <string>
#include <string_view>

namespace tpt::pack {

// Nothing where `text` is empty. `is_token`: it names a special token.
inline void append_text(Kind kind, std::string_view text, Sample& sample, bool is_token = false) {
  if (!text.empty()) {
    sample.segments.push_back({kind, std::string(text), is_token});
  }
}

}  // namespace tpt::pack
