// A training sample as text in ordered, marked spans, and as tokens: what the packer works on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt {

// What a token is for. It travels from the packer to the loss, so that losses can be told apart and
// weighed.
enum class Kind : std::uint8_t {
  document = 0,  // raw text of the corpus
  thinking = 1,  // written by an engine about it
  special = 2,   // tags, separators, end of document
  prompt = 3,    // the question of a fine-tuning example
  answer = 4,    // what the model is to answer
  padding = 5    // fills a row; never trained on
};

// "document", "thinking", ...
std::string_view kind_name(Kind kind);

using TokenId = std::int32_t;

struct Segment {
  Kind kind = Kind::document;
  std::string text;
  bool is_token = false;  // `text` is the name of a special token, which stands for itself

  bool operator==(const Segment&) const = default;
};

// One sample before tokenisation.
struct Sample {
  std::string id;
  std::vector<Segment> segments;

  bool operator==(const Sample&) const = default;
};

// A run of tokens of one kind inside a sequence.
struct Span {
  Kind kind = Kind::document;
  std::int32_t tokens = 0;

  bool operator==(const Span&) const = default;
};

// One tokenised sample: the lengths of its spans add up to ids.size().
struct TokenSequence {
  std::string id;
  std::vector<TokenId> ids;
  std::vector<Span> spans;

  bool operator==(const TokenSequence&) const = default;
};

// One training row of a fixed length: position i predicts position i + 1, so a row of seq_length +
// 1 ids gives seq_length targets. `starts` lists where each sequence (or its continuation) begins;
// the first is 0.
struct Row {
  std::vector<TokenId> ids;
  std::vector<Kind> kinds;
  std::vector<std::int32_t> starts;

  bool operator==(const Row&) const = default;
};

}  // namespace tpt
