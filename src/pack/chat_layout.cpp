#include "pack/chat_layout.h"

#include "base/error.h"

namespace tpt::pack {

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

}  // namespace tpt::pack
