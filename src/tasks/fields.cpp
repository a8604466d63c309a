#include "tasks/fields.h"

#include "base/error.h"

namespace tpt::tasks {

Json read_object(const storage::Line& line, const std::string& place, const char* expected) {
  if (line.too_long) {
    data_error("{}: the line is longer than {} bytes", place, storage::LineReader::kMaxLineBytes);
  }
  Json object = parse_json(line.text, place);
  if (!object.is_object()) {
    data_error("{}: {}; expected an object with {}", place, object.type_name(), expected);
  }
  return object;
}

std::string text_field(const Json& object, const char* key, const std::string& place) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return "";
  }
  if (!found->is_string()) {
    data_error("{}: \"{}\" is {}; it should be text", place, key, found->type_name());
  }
  return found->get<std::string>();
}

std::string id_field(const Json& object, const storage::Line& line, const std::string& place) {
  std::string id = text_field(object, "id", place);
  return id.empty() ? std::to_string(line.number) : id;
}

}  // namespace tpt::tasks
