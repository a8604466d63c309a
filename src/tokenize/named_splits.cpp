// How known tokenizers cut text, by the names that GGUF files give them.
#include "tokenize/definition.h"

#include <algorithm>
#include <array>

namespace tpt::tokenize {
namespace {

constexpr std::string_view kLlama3Pattern =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";
constexpr std::string_view kQwen2Pattern =
    R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re";

enum class Family { gpt2, llama3, qwen2, digits };

struct Name {
  std::string_view name;
  Family family;
};

constexpr std::array kNames = {
    Name{"gpt-2", Family::gpt2},       Name{"llama-bpe", Family::llama3},
    Name{"llama3", Family::llama3},    Name{"llama-v3", Family::llama3},
    Name{"qwen2", Family::qwen2},      Name{"smollm", Family::digits},
    Name{"starcoder", Family::digits}, Name{"refact", Family::digits},
    Name{"codeshell", Family::digits},
};

}  // namespace

bool set_splits_by_name(std::string_view name, BpeDefinition& definition) {
  for (const Name& known : kNames) {
    if (known.name != name) {
      continue;
    }
    switch (known.family) {
      case Family::gpt2:
        definition.splits = {{SplitStep::Form::gpt2, ""}};
        break;
      case Family::llama3:
        definition.splits = {{SplitStep::Form::regex, std::string(kLlama3Pattern)}};
        definition.ignore_merges = true;
        break;
      case Family::qwen2:
        definition.splits = {{SplitStep::Form::regex, std::string(kQwen2Pattern)}};
        definition.nfc = true;
        break;
      case Family::digits:
        definition.splits = {{SplitStep::Form::single_digits, ""}, {SplitStep::Form::gpt2, ""}};
        break;
    }
    return true;
  }
  return false;
}

std::string split_name(const BpeDefinition& definition) {
  const auto same = [](const SplitStep& a, const SplitStep& b) {
    return a.form == b.form && a.pattern == b.pattern;
  };
  for (const Name& known : kNames) {
    BpeDefinition named;
    if (!set_splits_by_name(known.name, named)) continue;
    const bool fits = named.nfc == definition.nfc &&
                      named.ignore_merges == definition.ignore_merges &&
                      std::equal(named.splits.begin(), named.splits.end(),
                                 definition.splits.begin(), definition.splits.end(), same);
    if (fits) return std::string(known.name);
  }
  return "";
}

std::string known_split_names() {
  std::string names;
  for (const Name& known : kNames) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  return names;
}

}  // namespace tpt::tokenize
