// What the readers of Hugging Face files share. Vocabularies are parsed with keys in a tree: the
// project's own Json keeps the order of keys and looks them up one after another, which is too slow
// for a hundred thousand of them.
#pragma once

#include "tokenize/definition.h"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace tpt::tokenize {

// Ids above this are taken for a damaged file.
inline constexpr std::int64_t kMaxTokens = std::int64_t{1} << 24U;

// Error(user) with the place where `text` is not JSON.
nlohmann::json parse_large_json(std::string_view text, std::string_view origin);
// {"token": id, ...} into definition.tokens; Error(user) for ids that are no numbers, out of range
// or given twice.
void read_token_table(const nlohmann::json& table, BpeDefinition& definition);
void add_special(std::string name, std::int64_t id, BpeDefinition& definition);
// "left right"; Error(user) for anything else.
std::pair<std::string, std::string> split_merge(std::string_view line, std::string_view origin);

}  // namespace tpt::tokenize
