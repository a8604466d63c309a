// From a document and its thinking to a sample: what stands in which order, and what each part is
// called. The formats the paper compares, and the choices it leaves open (section 1), are here.
//
//   vanilla         document EOS
//   tpt             document <think> thinking </think> EOS
//   thinking_first  <think> thinking </think> document EOS
//   interleaved     chunk <think> thinking </think> chunk <think> thinking </think> ... EOS
//   rephrase        document thinking EOS
//   (fine-tuning)   prompt completion EOS, or the turns of a conversation (chat_layout.h) EOS
#pragma once

#include "records/conversation.h"
#include "records/sample.h"
#include "records/trajectory.h"
#include "tokenize/chat_layout.h"
#include "tokenize/tokenizer.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::pack {

using tokenize::Chat;
using tokenize::chat_layout;
using tokenize::ChatLayout;

constexpr std::string_view kThinkStart = "<think>";
constexpr std::string_view kThinkEnd = "</think>";

enum class Format { vanilla, tpt, thinking_first, interleaved, rephrase };

// How <think> and </think> are written.
enum class Tags {
  automatic,  // as special tokens where the tokenizer has both, as text otherwise
  special,    // as special tokens; Error(user) where the tokenizer lacks one
  text        // as ordinary text
};

// What becomes of a document that has no thinking, or whose thinking hit the cap.
enum class AtCap { keep, drop };
enum class MissingThinking { drop, document };

struct ComposerConfig {
  Format format = Format::tpt;
  Tags tags = Tags::automatic;
  std::string separator;        // text between document and thinking block
  std::string inner_separator;  // text after <think> and before </think>
  std::string begin_of_text;    // a special token before every sample; "" for none
  std::string end_of_text;      // the special token after every sample; "" for the tokenizer's own
  AtCap at_cap = AtCap::keep;
  MissingThinking missing_thinking = MissingThinking::drop;
  Chat chat = Chat::plain;  // of fine-tuning examples
};

// Why a row gives no sample: "empty document", "no thinking", "thinking hit the cap".
using DropReason = std::string;

// Why the thinking of a row gives no sample in a format that needs it; "" where it does.
DropReason why_unusable(const ComposerConfig& config, const AugmentedDocument& row);

class Composer {
 public:
  // Keeps a reference to `tokenizer`. Error(user) for a special token that the tokenizer has not.
  // What is set for the thinking does not matter to Format::vanilla.
  Composer(ComposerConfig config, const tokenize::Tokenizer& tokenizer);

  // The sample of one row; nothing, with the reason, where it is dropped.
  std::optional<Sample> compose(const AugmentedDocument& row, DropReason& reason) const;
  // Rows of one document that follow one another, as one sample (Format::interleaved): the chunks'
  // text byte for byte, each with its thinking behind it.
  std::optional<Sample> compose(const std::vector<AugmentedDocument>& rows,
                                DropReason& reason) const;
  // A fine-tuning example. The assistant's texts and what ends them are kind answer, all else is
  // kind prompt; <think> and </think> in an answer are the tags, written as those of documents are,
  // because they are what is taught; in prompts and documents they are text. A blank turn of the
  // assistant is kind prompt. Dropped: "empty prompt", "no completion", "content is null".
  // Error(user) where Chat::plain is given more than a prompt and a completion.
  std::optional<Sample> compose(const Conversation& example, DropReason& reason) const;

  // Ids and spans of the sample with its end of text; each segment is tokenised alone. Error(data)
  // where text gave the id of a special token.
  TokenSequence tokenize(const Sample& sample) const;

  TokenId end_of_text() const { return end_of_text_; }
  bool tags_are_special() const { return tags_are_special_; }

 private:
  void append_thinking(const std::string& thinking, Sample& sample) const;
  void append_tag(std::string_view tag, Sample& sample) const;
  void append_turn(const ChatLayout& layout, const Message& message, Sample& sample) const;
  void append_completion(std::string_view completion, Sample& sample) const;
  void append_segment(const Segment& segment, TokenSequence& sequence) const;

  ComposerConfig config_;
  const tokenize::Tokenizer& tokenizer_;
  TokenId end_of_text_ = 0;
  TokenId begin_of_text_ = -1;  // -1: not used
  bool tags_are_special_ = false;
  std::vector<TokenId> special_ids_;  // few, that no text may give
};

}  // namespace tpt::pack
