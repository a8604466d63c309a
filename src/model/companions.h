// What stands in a model's folder beside its weights and its shape: the tokenizer's files, how text
// is generated, how a conversation is written.
#pragma once

#include "base/json.h"
#include "tokenize/tokenizer.h"

#include <filesystem>
#include <string>
#include <vector>

namespace tpt::model {

// Those that are there, but for config.json; each whole under its name.
void copy_companions(const std::filesystem::path& from, const std::filesystem::path& folder);

// The object in a JSON file; an empty one where there is no file. Error(data) for another value.
Json read_object_if_there(const std::filesystem::path& file);

// The Jinja template of its conversations (the one called "default" of several); "" where it has
// none.
std::string chat_template_in(const std::filesystem::path& folder);

// The ids that end a text: `eos_token_id`, one or a list, of generation_config.json, or else of
// config.json; none where neither says.
std::vector<tokenize::TokenId> end_ids_in(const std::filesystem::path& folder);

}  // namespace tpt::model
