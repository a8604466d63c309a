#include "model/turn_prompt.h"

#include "base/error.h"
#include "base/white_space.h"
#include "engine/chat_prompt.h"
#include "model/companions.h"

namespace tpt::model {
namespace {

using tokenize::Chat;
using tokenize::ChatLayout;
using tokenize::TokenId;

// A marker that is no special token there; "" where all are.
std::string_view missing_marker(const ChatLayout& layout, const tokenize::Tokenizer& tokenizer) {
  for (const std::string_view name :
       {layout.begin_token, layout.turn_token, layout.role_token, layout.end_token}) {
    if (!name.empty() && !tokenizer.special(name)) return name;
  }
  return "";
}

class TurnWriter {
 public:
  TurnWriter(const tokenize::Tokenizer& tokenizer, const ChatLayout& layout)
      : tokenizer_(tokenizer), layout_(layout) {
    append_marker(layout.begin_token);
  }

  void append_turn(std::string_view role, std::string_view text) {
    append_header(role, layout_.is_text_trimmed ? trimmed(text) : text);
    append_marker(layout_.end_token);
    tokenizer_.encode(layout_.between_turns, ids_);
  }

  // What plain text stands between markers is tokenised together, as the packer does it.
  void append_header(std::string_view role, std::string_view text) {
    append_marker(layout_.turn_token);
    std::string plain(role);
    if (!layout_.role_token.empty()) {
      tokenizer_.encode(plain, ids_);
      append_marker(layout_.role_token);
      plain.clear();
    }
    tokenizer_.encode(plain.append(layout_.before_text).append(text), ids_);
  }

  std::vector<TokenId> take() { return std::move(ids_); }

 private:
  void append_marker(std::string_view name) {
    if (name.empty()) return;
    const auto id = tokenizer_.special(name);
    TPT_CHECK(id, "{} is no special token", name);
    ids_.push_back(*id);
  }

  const tokenize::Tokenizer& tokenizer_;
  const ChatLayout& layout_;
  std::vector<TokenId> ids_;
};

}  // namespace

Manners manners_of(const std::filesystem::path& folder, const tokenize::Tokenizer& tokenizer,
                   const std::string& system_prompt) {
  Manners manners;
  manners.ends = end_ids_in(folder);
  const std::string source = chat_template_in(folder);
  if (source.empty()) return manners;
  const Chat chat = tokenize::chat_of_template(source);
  if (chat == Chat::plain) {
    manners.why_no_chat =
        "this model's chat template is neither ChatML's nor Llama 3's, which alone are known here";
    return manners;
  }
  if (const auto name = missing_marker(tokenize::chat_layout(chat), tokenizer); !name.empty()) {
    manners.why_no_chat = fmt::format(
        "this model's chat template writes {}, which is no special token of its tokenizer", name);
    return manners;
  }
  manners.chat = chat;
  manners.system_prompt =
      system_prompt.empty() ? engine::system_prompt_of_template(source) : system_prompt;
  manners.ends.push_back(*tokenizer.special(tokenize::chat_layout(chat).end_token));
  return manners;
}

std::vector<TokenId> turn_ids(const tokenize::Tokenizer& tokenizer, const Manners& manners,
                              std::string_view prompt) {
  TurnWriter writer(tokenizer, tokenize::chat_layout(manners.chat));
  if (!manners.system_prompt.empty()) writer.append_turn("system", manners.system_prompt);
  writer.append_turn("user", prompt);
  writer.append_header("assistant", "");
  return writer.take();
}

}  // namespace tpt::model
