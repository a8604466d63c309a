// A request as the model reads it: the chat template around the user's text, as tokens. Only the
// template and the start of the answer may hold special tokens; the user's text is always text.
#pragma once

#include "engine/engine.h"
#include "engine/llama_library.h"

#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

class ChatPrompt {
 public:
  // `system_prompt`: the system turn; empty for the one that the template itself puts first when
  // there is none, if any. The model must outlive this.
  ChatPrompt(const LlamaModel& model, const std::string& system_prompt);

  // Error(user) where the request wants a chat and the model has no template that is known.
  std::vector<Token> tokens(const Request& request) const;
  // The system turn that is used; may be empty.
  const std::string& system_prompt() const { return system_prompt_; }

 private:
  void append(std::vector<Token>& tokens, std::string_view text, bool special) const;

  const LlamaModel& model_;
  std::string system_prompt_;
  bool usable_ = false;
  bool trims_ = false;         // the template strips white space around the turn
  std::vector<Token> before_;  // up to the last special token before the user's text
  std::string text_before_;    // what plain text stands between that and the user's text
  std::string text_after_;     // the same behind the user's text
  std::string after_;          // from the first special token behind it on
};

// The system turn that a ChatML template writes when it is given none; empty for other templates.
std::string system_prompt_of_template(std::string_view jinja);

}  // namespace tpt::engine
