#include "base/error.h"
#include "base/white_space.h"
#include "pack/composer.h"
#include "pack/segments.h"

#include <algorithm>

namespace tpt::pack {
namespace {

DropReason why_no_example(const std::vector<Message>& messages) {
  if (!std::all_of(messages.begin(), messages.end(),
                   [](const Message& message) { return message.has_content; })) {
    return "content is null";
  }
  const auto answer = std::find_if(messages.begin(), messages.end(), [](const Message& message) {
    return message.is_assistant() && !is_blank(message.text);
  });
  const bool is_asked = std::any_of(messages.begin(), answer, [](const Message& message) {
    return !message.is_assistant() && !is_blank(message.text);
  });
  if (!is_asked) {
    return "empty prompt";
  }
  return answer == messages.end() ? "no completion" : "";
}

bool is_prompt_and_completion(const std::vector<Message>& messages) {
  return messages.size() == 2 && !messages[0].is_assistant() && messages[1].is_assistant();
}

}  // namespace

void Composer::append_turn(const ChatLayout& layout, const Message& message, Sample& sample) const {
  const std::string_view text = layout.is_text_trimmed ? trimmed(message.text) : message.text;
  // To end a turn without a word is nothing to learn.
  const bool is_taught = message.is_assistant() && !is_blank(text);
  append_text(Kind::prompt, layout.turn_token, sample, true);
  std::string header = message.role;
  if (!layout.role_token.empty()) {
    append_text(Kind::prompt, header, sample);
    append_text(Kind::prompt, layout.role_token, sample, true);
    header.clear();
  }
  header += layout.before_text;
  if (is_taught) {
    // Cut where the model is asked to go on, so that it learns from the tokens it will see.
    append_text(Kind::prompt, header, sample);
    append_completion(text, sample);
  } else {
    append_text(Kind::prompt, header.append(text), sample);
  }
  append_text(is_taught ? Kind::answer : Kind::prompt, layout.end_token, sample, true);
}

std::optional<Sample> Composer::compose(const Conversation& example, DropReason& reason) const {
  reason = why_no_example(example.messages);
  if (!reason.empty()) {
    return std::nullopt;
  }
  Sample sample{example.id, {}};
  if (config_.chat == Chat::plain) {
    if (!is_prompt_and_completion(example.messages)) {
      user_error(
          "pack.chat: got plain, but {} is more than a prompt and a completion; allowed: chatml, "
          "llama3",
          example.id);
    }
    append_text(Kind::prompt, example.messages[0].text, sample);
    append_completion(example.messages[1].text, sample);
    return sample;
  }
  const ChatLayout& layout = chat_layout(config_.chat);
  append_text(Kind::prompt, layout.begin_token, sample, true);
  for (const Message& message : example.messages) {
    if (&message != &example.messages.front()) {
      append_text(Kind::prompt, layout.between_turns, sample);
    }
    append_turn(layout, message, sample);
  }
  return sample;
}

// Each tag becomes a segment of its own where it is one token.
void Composer::append_completion(std::string_view completion, Sample& sample) const {
  while (!completion.empty()) {
    const std::size_t start = completion.find(kThinkStart);
    const std::size_t end = completion.find(kThinkEnd);
    const std::string_view tag = start < end ? kThinkStart : kThinkEnd;
    const std::size_t before = tags_are_special_ ? std::min(start, end) : std::string_view::npos;
    append_text(Kind::answer, completion.substr(0, before), sample);
    if (before == std::string_view::npos) {
      return;
    }
    append_text(Kind::answer, tag, sample, true);
    completion.remove_prefix(before + tag.size());
  }
}

}  // namespace tpt::pack
