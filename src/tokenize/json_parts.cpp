#include "tokenize/json_parts.h"

#include "base/error.h"

namespace tpt::tokenize {

nlohmann::json parse_large_json(std::string_view text, std::string_view origin) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    user_error("{}: not JSON: {}", origin, error.what());
  }
}

void read_token_table(const nlohmann::json& table, BpeDefinition& definition) {
  if (!table.is_object() || table.empty()) {
    user_error("{}: the vocabulary is missing or empty", definition.origin);
  }
  for (const auto& [token, id] : table.items()) {
    const std::int64_t number = id.is_number_integer() ? id.get<std::int64_t>() : -1;
    if (number < 0 || number >= kMaxTokens || token.empty()) {
      user_error("{}: the token \"{}\" has the id {}; ids are 0 to {}", definition.origin, token,
                 id.dump(), kMaxTokens - 1);
    }
    const auto place = static_cast<std::size_t>(number);
    if (place >= definition.tokens.size()) {
      definition.tokens.resize(place + 1);
    }
    if (!definition.tokens[place].empty()) {
      user_error("{}: \"{}\" and \"{}\" have the same id {}", definition.origin,
                 definition.tokens[place], token, number);
    }
    definition.tokens[place] = token;
  }
}

void add_special(std::string name, std::int64_t id, BpeDefinition& definition) {
  if (id < 0 || id >= kMaxTokens || name.empty()) {
    user_error("{}: the added token \"{}\" has the id {}; ids are 0 to {}", definition.origin, name,
               id, kMaxTokens - 1);
  }
  definition.specials.push_back({std::move(name), static_cast<TokenId>(id)});
}

std::pair<std::string, std::string> split_merge(std::string_view line, std::string_view origin) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    user_error("{}: the merge \"{}\" is not two tokens with a space between", origin, line);
  }
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

}  // namespace tpt::tokenize
