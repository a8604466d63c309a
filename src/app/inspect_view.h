// One row as lines for a person, or as an object for a program.
#pragma once

#include "app/inspect_rows.h"
#include "base/json.h"

#include <cstddef>
#include <string>
#include <vector>

namespace tpt::app {

struct ViewOptions {
  std::size_t width = 80;           // columns
  bool colours = false;             // ANSI, of our own headings alone
  std::size_t document_lines = 12;  // of its beginning; 0: all of it
};

// Headings, facts, the document's beginning and the thinking. Text of the row is made harmless.
std::vector<std::string> row_lines(const InspectedRow& row, const ViewOptions& options);

Json row_json(const InspectedRow& row);

}  // namespace tpt::app
