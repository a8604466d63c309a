// Reads Hugging Face's tokenizer.json. What is not byte-level BPE, or would change ids in a way
// that is not built here, is refused by name.
#include "base/error.h"
#include "storage/atomic_file.h"
#include "tokenize/definition.h"
#include "tokenize/json_parts.h"

namespace tpt::tokenize {
namespace {

using PlainJson = nlohmann::json;

class Reader {
 public:
  Reader(const PlainJson& json, std::string origin) : json_(json) {
    definition_.origin = std::move(origin);
  }

  BpeDefinition read() {
    read_model();
    read_normalizer(part(json_, "normalizer"));
    read_splits();
    read_added_tokens();
    return std::move(definition_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    user_error("{}: {} is not supported", definition_.origin, what);
  }

  static const PlainJson& part(const PlainJson& object, const char* name) {
    static const PlainJson nothing;
    const auto found = object.find(name);
    return found == object.end() ? nothing : *found;
  }

  std::string type_of(const PlainJson& object, const char* where) const {
    const PlainJson& type = part(object, "type");
    if (!type.is_string()) {
      refuse(fmt::format("{} without a type", where));
    }
    return type.get<std::string>();
  }

  bool flag(const PlainJson& object, const char* name, bool otherwise) const {
    const PlainJson& value = part(object, name);
    if (value.is_null()) {
      return otherwise;
    }
    if (!value.is_boolean()) {
      refuse(fmt::format("\"{}\" that is not true or false", name));
    }
    return value.get<bool>();
  }

  void refuse_unless_empty(const PlainJson& object, const char* name) const {
    const PlainJson& value = part(object, name);
    if (!value.is_null() && value != "" && value != false) {
      refuse(fmt::format("model.{} = {}", name, value.dump()));
    }
  }

  void read_model() {
    const PlainJson& model = part(json_, "model");
    if (!model.is_object()) {
      refuse("a file without \"model\"");
    }
    // Old files leave the type out.
    if (const PlainJson& type = part(model, "type"); !type.is_null() && type != "BPE") {
      refuse("model.type " + type.dump());
    }
    for (const char* name :
         {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
      refuse_unless_empty(model, name);
    }
    definition_.ignore_merges = flag(model, "ignore_merges", false);
    read_token_table(part(model, "vocab"), definition_);
    read_merges(part(model, "merges"));
  }

  void read_merges(const PlainJson& merges) {
    if (!merges.is_array()) {
      refuse("a model without \"merges\"");
    }
    for (const PlainJson& merge : merges) {
      if (merge.is_string()) {
        definition_.merges.push_back(
            split_merge(merge.get_ref<const std::string&>(), definition_.origin));
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        definition_.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      } else {
        refuse("the merge " + merge.dump());
      }
    }
  }

  void read_normalizer(const PlainJson& normalizer) {
    if (normalizer.is_null()) {
      return;
    }
    const std::string type = type_of(normalizer, "normalizer");
    if (type == "NFC") {
      definition_.nfc = true;
    } else if (type == "Sequence") {
      for (const PlainJson& step : part(normalizer, "normalizers")) {
        read_normalizer(step);
      }
    } else {
      refuse("normalizer " + type);
    }
  }

  void read_splits() {
    const PlainJson& top = part(json_, "pre_tokenizer");
    if (top.is_null()) {
      refuse("a file without pre_tokenizer ByteLevel");
    }
    read_split(top);
    if (!byte_level_) {
      refuse("pre_tokenizer without ByteLevel");
    }
  }

  void read_split(const PlainJson& step) {
    const std::string type = type_of(step, "pre_tokenizer");
    if (byte_level_) {
      refuse("pre_tokenizer " + type + " after ByteLevel");
    }
    if (type == "Sequence") {
      for (const PlainJson& inner : part(step, "pretokenizers")) {
        read_split(inner);
      }
    } else if (type == "ByteLevel") {
      if (flag(step, "add_prefix_space", true)) {
        refuse("ByteLevel with add_prefix_space");
      }
      if (flag(step, "use_regex", true)) {
        definition_.splits.push_back({SplitStep::Form::gpt2, ""});
      }
      byte_level_ = true;
    } else if (type == "Digits") {
      definition_.splits.push_back({flag(step, "individual_digits", false)
                                        ? SplitStep::Form::single_digits
                                        : SplitStep::Form::digit_runs,
                                    ""});
    } else if (type == "Split") {
      read_regex(step);
    } else {
      refuse("pre_tokenizer " + type);
    }
  }

  void read_regex(const PlainJson& step) {
    if (part(step, "behavior") != "Isolated" || flag(step, "invert", false)) {
      refuse(fmt::format("Split with behavior {} and invert {}", part(step, "behavior").dump(),
                         part(step, "invert").dump()));
    }
    const PlainJson& pattern = part(part(step, "pattern"), "Regex");
    if (!pattern.is_string()) {
      refuse("Split without a Regex");
    }
    definition_.splits.push_back({SplitStep::Form::regex, pattern.get<std::string>()});
  }

  void read_added_tokens() {
    for (const PlainJson& token : part(json_, "added_tokens")) {
      if (!part(token, "content").is_string() || !part(token, "id").is_number_integer()) {
        refuse("the added token " + token.dump());
      }
      // `tokenizers` would find these in ordinary text, where the names of specials are text here.
      const auto name = token["content"].get<std::string>();
      if (!flag(token, "special", false) &&
          name.find_first_not_of(" \t\r\n") == std::string::npos) {
        refuse("the added token " + token.dump() + ", which stands for white space in text,");
      }
      add_special(name, token["id"].get<std::int64_t>(), definition_);
    }
  }

  const PlainJson& json_;
  BpeDefinition definition_;
  bool byte_level_ = false;
};

}  // namespace

BpeDefinition read_tokenizer_json(const std::filesystem::path& path) {
  std::string text = storage::read_file(path);
  const PlainJson json = parse_large_json(text, path.string());
  if (!json.is_object()) {
    user_error("{}: not a tokenizer.json: the file holds no JSON object", path.string());
  }
  BpeDefinition definition = Reader(json, path.string()).read();
  definition.end_of_text = configured_end_of_text(path.parent_path() / "tokenizer_config.json");
  definition.json = std::move(text);
  return definition;
}

}  // namespace tpt::tokenize
