#include "model/companions.h"

#include "base/error.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <limits>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using tokenize::TokenId;

bool is_id(const Json& value) {
  return value.is_number_integer() && value.get<std::int64_t>() >= 0 &&
         value.get<std::int64_t>() <= std::numeric_limits<TokenId>::max();
}

}  // namespace

void copy_companions(const fs::path& from, const fs::path& folder) {
  for (const char* name :
       {"generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
        "tokenizer.model", "chat_template.jinja", "chat_template.json"}) {
    if (fs::exists(from / name)) {
      storage::write_file_atomically(folder / name, storage::read_file(from / name));
    }
  }
}

Json read_object_if_there(const fs::path& file) {
  if (!fs::exists(file)) return Json::object();
  Json json = parse_json(storage::read_file(file), file.string());
  if (!json.is_object()) data_error("{}: not a JSON object", file.string());
  return json;
}

std::string chat_template_in(const fs::path& folder) {
  if (const fs::path file = folder / "chat_template.jinja"; fs::exists(file)) {
    return storage::read_file(file);
  }
  const Json settings = read_object_if_there(folder / "tokenizer_config.json");
  if (!settings.contains("chat_template")) return "";
  const Json& value = settings.at("chat_template");
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return "";
  for (const Json& one : value) {
    if (one.value("name", "") == "default") return one.value("template", "");
  }
  return "";
}

std::vector<TokenId> end_ids_in(const fs::path& folder) {
  std::vector<TokenId> ids;
  for (const char* name : {"generation_config.json", "config.json"}) {
    const Json json = read_object_if_there(folder / name);
    if (!json.contains("eos_token_id")) continue;
    const Json& value = json.at("eos_token_id");
    const Json list = value.is_array() ? value : Json::array({value});
    for (const Json& one : list) {
      if (!is_id(one)) continue;
      const auto id = one.get<TokenId>();
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    if (!ids.empty()) return ids;
  }
  return ids;
}

}  // namespace tpt::model
