// Text to token ids and back. Text is text: "<|endoftext|>" inside a document never becomes a
// special id; special tokens are asked for by name.
//
//   auto tokenizer = tokenize::load_tokenizer("models/SmolLM2/tokenizer.json");
//   std::vector<TokenId> ids;
//   tokenizer->encode("7-3*4+8=4.", ids);
//   const auto end = tokenizer->special("<|im_end|>");
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::tokenize {

using TokenId = std::int32_t;

// Thread-safe after construction.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the ids of `text`. Invalid UTF-8 is encoded byte by byte, never refused or replaced,
  // where the vocabulary has all bytes.
  virtual void encode(std::string_view text, std::vector<TokenId>& ids) const = 0;
  // The bytes of the ids; special tokens as their names. Error(data) for an id outside the
  // vocabulary.
  virtual std::string decode(std::span<const TokenId> ids) const = 0;
  // Ids are below this.
  virtual std::int64_t vocab_size() const = 0;
  // The id of a special token by its exact name; nothing where there is none.
  virtual std::optional<TokenId> special(std::string_view name) const = 0;
  // What ends a document, from the tokenizer's own files.
  virtual std::optional<TokenId> end_of_text() const = 0;
  // A Hugging Face tokenizer.json that gives the same ids.
  virtual std::string to_json() const = 0;

  std::vector<TokenId> encode(std::string_view text) const;
  std::int64_t count(std::string_view text) const;
  // Bytes of the longest prefix with at most `max_tokens` tokens that ends on a whole code point.
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const;
};

// "bytes" (256 bytes and <|endoftext|>, <think>, </think>, <|pad|>), a tokenizer.json or a folder
// that holds one, or a .gguf file whose vocabulary is byte-level BPE. Error(user) names what is not
// supported in the file.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& spec);

// Where to cut `text` so that at most `max_bytes` bytes remain and it ends at the end of a sentence
// (or paragraph, or else a word, or else a code point). A text that fits is kept whole.
std::size_t sentence_cut(std::string_view text, std::size_t max_bytes);

// The end of the last sentence of `text`; 0 where no sentence ends in it.
std::size_t last_sentence_end(std::string_view text);

}  // namespace tpt::tokenize
