// Reads vocab.json and merges.txt with tokenizer_config.json: the form of GPT-2's and Qwen2's
// original files.
#include "base/error.h"
#include "storage/atomic_file.h"
#include "tokenize/definition.h"
#include "tokenize/json_parts.h"

#include <charconv>

namespace tpt::tokenize {
namespace {

// The tokenizer's name for its way of cutting, by the class its configuration names.
std::string_view splits_of_class(std::string_view name, std::string_view origin) {
  if (name == "GPT2Tokenizer" || name == "GPT2TokenizerFast") {
    return "gpt-2";
  }
  if (name == "Qwen2Tokenizer" || name == "Qwen2TokenizerFast") {
    return "qwen2";
  }
  user_error("{}: tokenizer_class: got {}, allowed with vocab.json: GPT2Tokenizer, Qwen2Tokenizer",
             origin, name);
}

// A token as text, or as an object with "content".
std::string token_name(const nlohmann::json& token) {
  if (token.is_string()) {
    return token.get<std::string>();
  }
  if (token.is_object() && token.contains("content") && token["content"].is_string()) {
    return token["content"].get<std::string>();
  }
  return "";
}

void read_merge_lines(std::string_view text, BpeDefinition& definition, std::string_view origin) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    if (line.empty() || (definition.merges.empty() && line.starts_with("#version"))) {
      continue;
    }
    definition.merges.push_back(split_merge(line, origin));
  }
}

void read_config(const std::filesystem::path& path, BpeDefinition& definition) {
  const auto config = parse_large_json(storage::read_file(path), path.string());
  const std::string origin = path.string();
  const std::string name = config.value("tokenizer_class", std::string());
  if (name.empty() || !set_splits_by_name(splits_of_class(name, origin), definition)) {
    user_error("{}: no tokenizer_class, so it is not known how text is cut", origin);
  }
  if (config.value("add_prefix_space", false)) {
    user_error("{}: add_prefix_space is not supported", origin);
  }
  const auto added = config.find("added_tokens_decoder");
  if (added == config.end()) {
    return;
  }
  for (const auto& [key, token] : added->items()) {
    std::int64_t id = -1;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size()) {
      user_error("{}: added_tokens_decoder: \"{}\" is not an id", origin, key);
    }
    add_special(token_name(token), id, definition);
  }
}

}  // namespace

std::string configured_end_of_text(const std::filesystem::path& tokenizer_config) {
  if (!std::filesystem::exists(tokenizer_config)) {
    return "";
  }
  const auto config =
      parse_large_json(storage::read_file(tokenizer_config), tokenizer_config.string());
  const auto found = config.find("eos_token");
  return found == config.end() ? "" : token_name(*found);
}

BpeDefinition read_vocab_and_merges(const std::filesystem::path& folder) {
  BpeDefinition definition;
  definition.origin = (folder / "vocab.json").string();
  read_token_table(parse_large_json(storage::read_file(folder / "vocab.json"), definition.origin),
                   definition);
  read_merge_lines(storage::read_file(folder / "merges.txt"), definition,
                   (folder / "merges.txt").string());
  const std::filesystem::path config = folder / "tokenizer_config.json";
  if (std::filesystem::exists(config)) {
    read_config(config, definition);
    definition.end_of_text = configured_end_of_text(config);
  } else {
    TPT_CHECK(set_splits_by_name("gpt-2", definition));
    for (std::size_t id = 0; id < definition.tokens.size(); ++id) {
      if (definition.tokens[id] == "<|endoftext|>") {
        add_special(definition.tokens[id], static_cast<std::int64_t>(id), definition);
      }
    }
  }
  return definition;
}

}  // namespace tpt::tokenize
