#include "base/error.h"
#include "tokenize/definition.h"
#include "tokenize/gguf_file.h"
#include "tokenize/json_parts.h"

namespace tpt::tokenize {
namespace {

// llama.cpp's token types that text may not give.
constexpr std::int64_t kControl = 3;
constexpr std::int64_t kUserDefined = 4;

class Values {
 public:
  explicit Values(const std::filesystem::path& path)
      : path_(path.string()), values_(read_gguf_values(path)) {}

  template <typename T>
  T* find(const std::string& key) {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : std::get_if<T>(&found->second);
  }

  template <typename T>
  T& need(const std::string& key) {
    T* value = find<T>(key);
    if (value == nullptr) {
      user_error("{}: the GGUF file has no {} of the right type", path_, key);
    }
    return *value;
  }

 private:
  std::string path_;
  std::map<std::string, GgufValue> values_;
};

}  // namespace

BpeDefinition read_gguf_vocabulary(const std::filesystem::path& path) {
  Values values(path);
  BpeDefinition definition;
  definition.origin = path.string();
  const auto& model = values.need<std::string>("tokenizer.ggml.model");
  if (model != "gpt2") {
    user_error("{}: tokenizer.ggml.model: got {}, allowed: gpt2 (byte-level BPE)",
               definition.origin, model);
  }
  const auto& name = values.need<std::string>("tokenizer.ggml.pre");
  if (!set_splits_by_name(name, definition)) {
    user_error("{}: tokenizer.ggml.pre: got {}, allowed: {}", definition.origin, name,
               known_split_names());
  }
  definition.tokens = std::move(values.need<std::vector<std::string>>("tokenizer.ggml.tokens"));
  for (const std::string& merge : values.need<std::vector<std::string>>("tokenizer.ggml.merges")) {
    definition.merges.push_back(split_merge(merge, definition.origin));
  }
  const auto* types = values.find<std::vector<std::int64_t>>("tokenizer.ggml.token_type");
  if (types != nullptr && types->size() != definition.tokens.size()) {
    user_error("{}: {} tokens but {} token types", definition.origin, definition.tokens.size(),
               types->size());
  }
  for (std::size_t id = 0; types != nullptr && id < types->size(); ++id) {
    if ((*types)[id] == kControl || (*types)[id] == kUserDefined) {
      add_special(definition.tokens[id], static_cast<std::int64_t>(id), definition);
    }
  }
  const auto* end = values.find<std::int64_t>("tokenizer.ggml.eos_token_id");
  if (end != nullptr && *end >= 0 && static_cast<std::size_t>(*end) < definition.tokens.size()) {
    definition.end_of_text = definition.tokens[static_cast<std::size_t>(*end)];
  }
  return definition;
}

}  // namespace tpt::tokenize
