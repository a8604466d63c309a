// Fields of the objects that JSONL files hold a line; what is wrong is Error(data) at `place`.
#pragma once

#include "base/json.h"
#include "storage/lines.h"

#include <string>

namespace tpt::tasks {

// The object of a line; `expected` says what it should hold.
Json read_object(const storage::Line& line, const std::string& place, const char* expected);

// A text, "" where it is absent.
std::string text_field(const Json& object, const char* key, const std::string& place);

// The text under "id", or the line's number.
std::string id_field(const Json& object, const storage::Line& line, const std::string& place);

}  // namespace tpt::tasks
