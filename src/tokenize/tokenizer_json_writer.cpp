#include "base/error.h"
#include "tokenize/definition.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace tpt::tokenize {
namespace {

using Ordered = nlohmann::ordered_json;

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

Ordered byte_level(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

// The steps as pre-tokenizers; GPT-2's own pattern is part of ByteLevel, which comes last.
Ordered pre_tokenizer(const BpeDefinition& definition) {
  Ordered steps = Ordered::array();
  bool gpt2 = false;
  for (const SplitStep& step : definition.splits) {
    TPT_CHECK(!gpt2, "GPT-2's pattern is not the last step");
    switch (step.form) {
      case SplitStep::Form::regex:
        steps.push_back({{"type", "Split"},
                         {"pattern", {{"Regex", step.pattern}}},
                         {"behavior", "Isolated"},
                         {"invert", false}});
        break;
      case SplitStep::Form::single_digits:
      case SplitStep::Form::digit_runs:
        steps.push_back({{"type", "Digits"},
                         {"individual_digits", step.form == SplitStep::Form::single_digits}});
        break;
      case SplitStep::Form::gpt2:
        gpt2 = true;
        break;
    }
  }
  steps.push_back(byte_level(gpt2));
  if (steps.size() == 1) {
    return steps[0];
  }
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

Ordered added_tokens(const BpeDefinition& definition) {
  std::vector<SpecialToken> specials = definition.specials;
  std::sort(specials.begin(), specials.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.id < b.id; });
  Ordered list = Ordered::array();
  for (const SpecialToken& special : specials) {
    list.push_back({{"id", special.id},
                    {"content", special.name},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}});
  }
  return list;
}

// Written by hand because the ordered Json looks keys up one after another.
std::string model(const BpeDefinition& definition) {
  std::string text =
      R"({"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, )"
      R"("end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": )";
  text += definition.ignore_merges ? "true" : "false";
  text += ",\n  \"vocab\": {";
  bool first = true;
  for (std::size_t id = 0; id < definition.tokens.size(); ++id) {
    if (!definition.tokens[id].empty()) {
      text += (first ? "\n    " : ",\n    ") + quoted(definition.tokens[id]) + ": " +
              std::to_string(id);
      first = false;
    }
  }
  text += "},\n  \"merges\": [";
  for (std::size_t i = 0; i < definition.merges.size(); ++i) {
    const auto& [left, right] = definition.merges[i];
    text += (i == 0 ? "\n    [" : ",\n    [") + quoted(left) + ", " + quoted(right) + "]";
  }
  return text + "]}";
}

}  // namespace

std::string write_tokenizer_json(const BpeDefinition& definition) {
  const Ordered nothing;
  const Ordered nfc = {{"type", "NFC"}};
  std::string text = "{\n\"version\": \"1.0\",\n\"truncation\": null,\n\"padding\": null,\n";
  text += "\"added_tokens\": " + added_tokens(definition).dump(1) + ",\n";
  text += "\"normalizer\": " + (definition.nfc ? nfc : nothing).dump() + ",\n";
  text += "\"pre_tokenizer\": " + pre_tokenizer(definition).dump(1) + ",\n";
  text += "\"post_processor\": null,\n";
  text += "\"decoder\": " + byte_level(true).dump() + ",\n";
  text += "\"model\": " + model(definition) + "\n}\n";
  return text;
}

}  // namespace tpt::tokenize
