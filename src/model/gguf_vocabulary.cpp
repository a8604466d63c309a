#include "model/gguf_vocabulary.h"

#include "base/error.h"
#include "base/json.h"
#include "model/companions.h"
#include "storage/atomic_file.h"
#include "tokenize/definition.h"

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;
using tokenize::TokenId;

// llama.cpp's types of tokens.
constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kUserDefined = 4;
constexpr std::int32_t kUnused = 5;

class Vocabulary {
 public:
  Vocabulary(const fs::path& folder, std::int64_t vocab_size)
      : folder_(folder),
        definition_(tokenize::read_tokenizer_json(folder / "tokenizer.json")),
        vocab_size_(vocab_size),
        settings_(read_object_if_there(folder / "tokenizer_config.json")),
        generation_(read_object_if_there(folder / "generation_config.json")),
        config_(read_object_if_there(folder / "config.json")) {
    // Without its vocabulary and merges, which take long to parse, and are known.
    const auto keep = [](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
      return !(depth == 1 && event == nlohmann::json::parse_event_t::key && value == "model");
    };
    json_ = nlohmann::json::parse(definition_.json, keep);
    for (const auto& special : definition_.specials) ids_[special.name] = special.id;
  }

  void add_to(GgufFile& file) {
    add_tokens(file);
    add_specials(file);
    if (const std::string source = chat_template_in(folder_); !source.empty()) {
      file.add_text("tokenizer.chat_template", source);
    }
  }

 private:
  void add_tokens(GgufFile& file) const {
    std::vector<std::string> tokens = definition_.tokens;
    std::vector<std::int32_t> types(tokens.size(), kNormal);
    const std::set<TokenId> found_in_text = added_tokens_of_text();
    for (const auto& special : definition_.specials) {
      const auto id = static_cast<std::size_t>(special.id);
      if (id >= tokens.size()) {
        tokens.resize(id + 1);
        types.resize(id + 1, kNormal);
      }
      tokens[id] = special.name;
      types[id] = found_in_text.count(special.id) == 1 ? kUserDefined : kControl;
    }
    if (std::ssize(tokens) > vocab_size_) {
      user_error("{}: tokenizer.json has {} ids, the model has {}: they do not belong together",
                 folder_.string(), tokens.size(), vocab_size_);
    }
    tokens.resize(static_cast<std::size_t>(vocab_size_));
    types.resize(tokens.size(), kNormal);
    name_each_once(tokens, types);
    std::vector<std::string> merges;
    for (const auto& [left, right] : definition_.merges) merges.push_back(left + " " + right);
    file.add_text("tokenizer.ggml.model", "gpt2");
    file.add_text("tokenizer.ggml.pre", pre_tokenizer());
    file.add_texts("tokenizer.ggml.tokens", tokens);
    file.add_integers("tokenizer.ggml.token_type", types);
    file.add_texts("tokenizer.ggml.merges", merges);
  }

  // llama.cpp ends the whole program over a token that is there twice.
  void name_each_once(std::vector<std::string>& tokens, std::vector<std::int32_t>& types) const {
    std::unordered_map<std::string, std::size_t> ids;
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      if (tokens[id].empty()) continue;
      const auto [same, is_new] = ids.emplace(tokens[id], id);
      if (is_new) continue;
      user_error("{}: ids {} and {} are both {}, which llama.cpp does not take",
                 (folder_ / "tokenizer.json").string(), same->second, id, tokens[id]);
    }
    for (std::size_t id = 0; id < tokens.size(); ++id) {
      if (!tokens[id].empty()) continue;
      tokens[id] = fmt::format("[PAD{}]", id);
      while (!ids.emplace(tokens[id], id).second) tokens[id] += '_';
      types[id] = kUnused;
    }
  }

  std::string pre_tokenizer() const {
    // Single bytes stay single bytes, however the text is cut.
    if (definition_.merges.empty() && !definition_.nfc) return "gpt-2";
    const std::string name = tokenize::split_name(definition_);
    if (!name.empty()) return name;
    std::string cuts;
    for (const auto& step : definition_.splits) {
      cuts += (cuts.empty() ? "" : ", ") + (step.pattern.empty() ? "digits" : step.pattern);
    }
    user_error("{}: llama.cpp has no name for how it cuts text ({}); known are {}",
               (folder_ / "tokenizer.json").string(), cuts.empty() ? "not at all" : cuts,
               tokenize::known_split_names());
  }

  // Added tokens that are no special ones: `tokenizers` and llama.cpp find them in any text.
  std::set<TokenId> added_tokens_of_text() const {
    std::set<TokenId> ids;
    if (!json_.contains("added_tokens")) return ids;
    for (const auto& token : json_.at("added_tokens")) {
      if (!token.value("special", false)) ids.insert(token.at("id").get<TokenId>());
    }
    return ids;
  }

  void add_specials(GgufFile& file) const {
    std::optional<TokenId> end = id_of_name(settings_, "eos_token");
    if (!end) end = id_in(generation_, "eos_token_id");
    if (!end) end = id_in(config_, "eos_token_id");
    if (!end && !definition_.end_of_text.empty()) end = id_of(definition_.end_of_text);
    if (!end) {
      user_error(
          "{}: neither tokenizer_config.json, generation_config.json nor config.json names "
          "the token that ends a text; llama.cpp would take one of its own",
          folder_.string());
    }
    const std::optional<TokenId> first = first_token();
    std::optional<TokenId> start = first ? first : id_of_name(settings_, "bos_token");
    if (!start) start = id_in(config_, "bos_token_id");
    file.add_count("tokenizer.ggml.eos_token_id", *end);
    file.add_count("tokenizer.ggml.bos_token_id", start.value_or(*end));
    if (const auto padding = id_of_name(settings_, "pad_token")) {
      file.add_count("tokenizer.ggml.padding_token_id", *padding);
    }
    file.add_flag("tokenizer.ggml.add_bos_token", first.has_value());
    file.add_flag("tokenizer.ggml.add_eos_token", false);
  }

  std::optional<TokenId> id_of(const std::string& name) const {
    const auto found = ids_.find(name);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }

  // {"eos_token": "name"} or {"eos_token": {"content": "name"}}.
  std::optional<TokenId> id_of_name(const Json& json, const char* key) const {
    if (!json.contains(key)) return std::nullopt;
    const Json& value = json.at(key);
    if (value.is_string()) return id_of(value.get<std::string>());
    if (value.is_object() && value.contains("content") && value.at("content").is_string()) {
      return id_of(value.at("content").get<std::string>());
    }
    return std::nullopt;
  }

  // {"eos_token_id": 2} or {"eos_token_id": [2, 3]}.
  std::optional<TokenId> id_in(const Json& json, const char* key) const {
    if (!json.contains(key)) return std::nullopt;
    const Json& value = json.at(key);
    const Json& one = value.is_array() && !value.empty() ? value.at(0) : value;
    if (!one.is_number_integer()) return std::nullopt;
    const auto id = one.get<std::int64_t>();
    return id >= 0 && id < vocab_size_ ? std::optional(static_cast<TokenId>(id)) : std::nullopt;
  }

  // What the post-processor puts before every text. Error(user) for one that does more.
  std::optional<TokenId> first_token() const {
    if (!json_.contains("post_processor") || json_.at("post_processor").is_null()) {
      return std::nullopt;
    }
    const auto& top = json_.at("post_processor");
    std::optional<TokenId> first;
    const nlohmann::json only = nlohmann::json::array({top});
    for (const auto& step : top.contains("processors") ? top.at("processors") : only) {
      const std::string type = step.value("type", "");
      if (type == "ByteLevel") continue;
      const bool fits = type == "TemplateProcessing" && step.contains("single") &&
                        step.at("single").is_array() && step.at("single").size() <= 2;
      if (!fits) refuse_post_processor(step);
      const auto& single = step.at("single");
      if (single.size() == 2) {
        const auto& special = single.at(0);
        if (!special.contains("SpecialToken") || !single.at(1).contains("Sequence")) {
          refuse_post_processor(step);
        }
        first = id_of(special.at("SpecialToken").value("id", ""));
        if (!first) refuse_post_processor(step);
      }
    }
    return first;
  }

  [[noreturn]] void refuse_post_processor(const nlohmann::json& step) const {
    user_error("{}: post_processor {} is not supported: only a token before the text",
               (folder_ / "tokenizer.json").string(), step.dump());
  }

  fs::path folder_;
  tokenize::BpeDefinition definition_;
  std::int64_t vocab_size_;
  Json settings_, generation_, config_;
  nlohmann::json json_;
  std::unordered_map<std::string, TokenId> ids_;
};

}  // namespace

void add_vocabulary(const fs::path& folder, std::int64_t vocab_size, GgufFile& file) {
  if (!fs::exists(folder / "tokenizer.json")) {
    user_error("{}: no tokenizer.json in it", folder.string());
  }
  Vocabulary(folder, vocab_size).add_to(file);
}

}  // namespace tpt::model
