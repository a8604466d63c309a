// A byte-level BPE tokenizer as its files state it, whatever their form: what the readers of
// tokenizer.json, vocab.json + merges.txt and GGUF give, and what BpeTokenizer is made of.
#pragma once

#include "tokenize/tokenizer.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::tokenize {

// One step that cuts text into pieces: what the pattern matches and what lies between the matches
// are pieces of their own. Each step works on the pieces of the one before.
struct SplitStep {
  enum class Form { regex, single_digits, digit_runs, gpt2 };  // how tokenizer.json writes it
  Form form = Form::regex;
  std::string pattern;  // of form regex
};

struct SpecialToken {
  std::string name;
  TokenId id = 0;
};

struct BpeDefinition {
  std::string origin;               // the file, for messages
  std::vector<std::string> tokens;  // by id, in the byte alphabet; "" for ids without a token
  std::vector<std::pair<std::string, std::string>> merges;  // by rank, in the byte alphabet
  std::vector<SpecialToken> specials;  // added tokens and control tokens, never found in text
  std::vector<SplitStep> splits;
  bool nfc = false;            // normalise to NFC first
  bool ignore_merges = false;  // a whole piece that is a token stays one
  std::string end_of_text;     // as the files name it; "" where they do not
  std::string json;            // the tokenizer.json it was read from; "" for other forms
};

// "tokenizer.json"; Error(user) names the part that is not supported.
BpeDefinition read_tokenizer_json(const std::filesystem::path& path);
// vocab.json and merges.txt, with tokenizer_config.json for class and added tokens. Without that
// file the tokenizer is taken for GPT-2's.
BpeDefinition read_vocab_and_merges(const std::filesystem::path& folder);
// The vocabulary of a .gguf file.
BpeDefinition read_gguf_vocabulary(const std::filesystem::path& path);

// The end-of-text name in a tokenizer_config.json; "" where the file or the name is missing.
std::string configured_end_of_text(const std::filesystem::path& tokenizer_config);
// What cuts and normalises for "gpt-2", "llama-bpe", "qwen2", "smollm"... as GGUF files name them.
// False for a name that is not known.
[[nodiscard]] bool set_splits_by_name(std::string_view name, BpeDefinition& definition);
std::string known_split_names();
// The first of these names that stands for how `definition` cuts and normalises; "" for none.
std::string split_name(const BpeDefinition& definition);

// A Hugging Face tokenizer.json for a definition of any origin.
std::string write_tokenizer_json(const BpeDefinition& definition);

}  // namespace tpt::tokenize
