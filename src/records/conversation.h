// What fine-tuning learns from: turns, of which the assistant's are to be learnt.
#pragma once

#include <string>
#include <vector>

namespace tpt {

struct Message {
  std::string role;  // "system", "user", "assistant", ...
  std::string text;
  bool has_content = true;  // false where the file has null: a call of tools, say

  bool is_assistant() const { return role == "assistant"; }
  bool operator==(const Message&) const = default;
};

struct Conversation {
  std::string id;
  std::vector<Message> messages;

  bool operator==(const Conversation&) const = default;
};

// A prompt and the completion that is to be learnt, as two turns.
inline Conversation conversation_of(std::string id, std::string prompt, std::string completion) {
  return {std::move(id), {{"user", std::move(prompt)}, {"assistant", std::move(completion)}}};
}

}  // namespace tpt
