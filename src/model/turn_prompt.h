// How a model's folder has conversations written and texts ended, and a request as such a turn.
#pragma once

#include "tokenize/chat_layout.h"
#include "tokenize/tokenizer.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::model {

// What a model was taught beside continuing text.
struct Manners {
  tokenize::Chat chat = tokenize::Chat::plain;
  // Why a chat is refused, where `chat` is plain.
  std::string why_no_chat = "this model has no chat template: it only continues text";
  std::string system_prompt;  // the system turn; "": none
  std::vector<tokenize::TokenId>
      ends;  // ids that end an answer, beside the tokenizer's end of text
};

// Of a Hugging Face folder: the ids of its generation_config.json (or config.json) end a text; its
// chat template is followed where it is ChatML's or Llama 3's, told by the markers in it, and
// `tokenizer` has these as special tokens. `system_prompt` "": what a ChatML template itself writes
// where no system turn is given.
Manners manners_of(const std::filesystem::path& folder, const tokenize::Tokenizer& tokenizer,
                   const std::string& system_prompt);

// The ids of a system turn (where there is one), of the user's turn and of what stands before the
// answer. Only markers are special tokens: their names in the prompt stay text.
std::vector<tokenize::TokenId> turn_ids(const tokenize::Tokenizer& tokenizer,
                                        const Manners& manners, std::string_view prompt);

}  // namespace tpt::model
