// JSON values with their keys in the order they were written, so that what we write is the same
// bytes every time.
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace tpt {

using Json = nlohmann::ordered_json;

// Parses one JSON text. `what` names it in the Error(data) thrown for text that is not JSON.
Json parse_json(std::string_view text, std::string_view what);

// One line, UTF-8; invalid bytes become U+FFFD instead of an exception.
std::string dump_json(const Json& value);

// Several lines, indented by two spaces, with a final newline: for files that people read.
std::string dump_json_pretty(const Json& value);

}  // namespace tpt
