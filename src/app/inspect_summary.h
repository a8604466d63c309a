// The rows of a folder in numbers: how many for each reason, and how long they are.
#pragma once

#include "app/inspect_rows.h"
#include "base/json.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tpt::app {

class InspectSummary {
 public:
  void add(const InspectedRow& row);
  Json to_json() const;
  // As a table for a person.
  std::string to_text() const;

 private:
  std::int64_t kept_ = 0;
  std::int64_t rejected_ = 0;
  std::map<std::string, std::int64_t> reasons_;
  std::map<std::string, std::int64_t> finishes_;
  std::vector<std::int64_t> kept_tokens_;
  std::vector<std::int64_t> rejected_tokens_;
  std::vector<std::int64_t> document_bytes_;
};

}  // namespace tpt::app
