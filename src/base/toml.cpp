#include "base/config.h"
#include "base/error.h"

#include <toml++/toml.h>

#include <fstream>
#include <sstream>

namespace tpt {
namespace {

Json to_json(const toml::node& node);

Json table_to_json(const toml::table& table) {
  Json object = Json::object();
  for (const auto& [key, value] : table) {
    object[std::string(key.str())] = to_json(value);
  }
  return object;
}

Json to_json(const toml::node& node) {
  if (const auto* table = node.as_table()) return table_to_json(*table);
  if (const auto* array = node.as_array()) {
    Json list = Json::array();
    for (const toml::node& item : *array) list.push_back(to_json(item));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  user_error("line {}: dates are not used in recipes", node.source().begin.line);
}

}  // namespace

Json parse_toml(std::string_view text, std::string_view what) {
  try {
    return table_to_json(toml::parse(text, what));
  } catch (const toml::parse_error& problem) {
    user_error("{}:{}:{}: not valid TOML: {}", what, problem.source().begin.line,
               problem.source().begin.column, problem.description());
  }
}

Json read_toml_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) {
    user_error("cannot read the recipe {}", path);
  }
  std::ostringstream text;
  text << file.rdbuf();
  return parse_toml(text.str(), path);
}

}  // namespace tpt
