#include "tokenize/chat_layout.h"

#include "base/error.h"

namespace tpt::tokenize {
namespace {

// A Jinja literal.
std::string quoted(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\n') {
      literal += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') literal += '\\';
    literal += c;
  }
  return literal + "'";
}

}  // namespace

const ChatLayout& chat_layout(Chat chat) {
  static constexpr ChatLayout kChatMl = {.begin_token = "",
                                         .turn_token = "<|im_start|>",
                                         .role_token = "",
                                         .before_text = "\n",
                                         .end_token = "<|im_end|>",
                                         .between_turns = "\n"};
  static constexpr ChatLayout kLlama3 = {.begin_token = "<|begin_of_text|>",
                                         .turn_token = "<|start_header_id|>",
                                         .role_token = "<|end_header_id|>",
                                         .before_text = "\n\n",
                                         .end_token = "<|eot_id|>",
                                         .between_turns = "",
                                         .is_text_trimmed = true};
  TPT_CHECK(chat != Chat::plain, "the plain layout has no parts");
  return chat == Chat::chatml ? kChatMl : kLlama3;
}

Chat chat_of_template(std::string_view jinja) {
  for (const Chat chat : {Chat::chatml, Chat::llama3}) {
    const ChatLayout& layout = chat_layout(chat);
    const auto has = [&](std::string_view marker) {
      return jinja.find(marker) != std::string_view::npos;
    };
    if (has(layout.turn_token) && has(layout.role_token) && has(layout.end_token)) return chat;
  }
  return Chat::plain;
}

std::string chat_template(Chat chat, std::string_view begin_of_text) {
  const ChatLayout& layout = chat_layout(chat);
  const std::string begin = std::string(begin_of_text).append(layout.begin_token);
  const std::string turn = quoted(layout.turn_token);
  const std::string before_text = quoted(std::string(layout.role_token).append(layout.before_text));
  const std::string after_text = quoted(std::string(layout.end_token).append(layout.between_turns));
  const std::string text =
      layout.is_text_trimmed ? "message['content'] | trim" : "message['content']";
  return (begin.empty() ? "" : "{{ " + quoted(begin) + " }}") + "{% for message in messages %}{{ " +
         turn + " + message['role'] + " + before_text + " + " + text + " + " + after_text +
         " }}{% endfor %}{% if add_generation_prompt %}{{ " + turn + " + 'assistant' + " +
         before_text + " }}{% endif %}";
}

}  // namespace tpt::tokenize
