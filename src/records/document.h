// What the corpus gives: one text with its fields.
#pragma once

#include <string>

namespace tpt {

struct Document {
  std::string id;      // unique in the corpus; made from file and row where the input has none
  std::string text;    // UTF-8
  std::string source;  // the file it came from
  std::string metadata = "{}";  // every other column of the input, one JSON object

  bool operator==(const Document&) const = default;
};

}  // namespace tpt
