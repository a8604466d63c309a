// How the turns of a conversation are written: what the chat templates of models' families give.
#pragma once

#include <string>
#include <string_view>

namespace tpt::tokenize {

enum class Chat {
  plain,   // prompt completion, nothing between them
  chatml,  // <|im_start|>role\ntext<|im_end|>\n (Qwen, SmolLM2)
  llama3   // <|start_header_id|>role<|end_header_id|>\n\ntext<|eot_id|>
};

// The parts of a turn in their order; those named tokens are special tokens of the tokenizer, ""
// for none.
struct ChatLayout {
  std::string_view begin_token;  // before the first turn
  std::string_view turn_token;
  // The role stands here.
  std::string_view role_token;
  std::string_view before_text;
  // The text stands here.
  std::string_view end_token;
  std::string_view between_turns;
  bool is_text_trimmed = false;
};

// Of every layout but plain, which has none.
const ChatLayout& chat_layout(Chat chat);

// The layout that a Jinja chat template writes, told by the markers in it; plain for any other.
Chat chat_of_template(std::string_view jinja);

// A Jinja chat template that writes the layout. `begin_of_text`: a token before all else, "" for
// none.
std::string chat_template(Chat chat, std::string_view begin_of_text);

}  // namespace tpt::tokenize
