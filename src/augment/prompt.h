// What the engine is asked: a template with the document's beginning in it.
#pragma once

#include "engine/engine.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::augment {

// A template names {{CONTEXT}} once or more. If it also names <<<READING HERE>>>, that marker is
// put into the context at a place drawn from the seed (the paper's random-focus variant).
class Prompt {
 public:
  // `text` as in the file; one line end at its end is left out. Error(user), naming `what`, where
  // it has no {{CONTEXT}}.
  Prompt(std::string_view text, std::string_view what);

  // The prompt about `context`, whose bytes are put in as they are: a {{CONTEXT}} in it is text.
  std::string render(std::string_view context, std::uint64_t seed) const;

  // Of the template's text.
  const std::string& sha256() const { return sha256_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string sha256_;
  std::vector<std::string> pieces_;  // of the text, between the contexts
  bool focus_ = false;
};

// "tpt" and "random_focus" are built in (prompts/); anything else is the path of a file.
// Error(user) with what is allowed.
Prompt load_prompt(const std::string& name_or_path);

// How many bytes of `text` to show: at most `max_tokens` tokens, ending with a sentence (or else a
// word, or else a code point). A text that fits is shown whole.
std::size_t context_bytes(std::string_view text, std::int64_t max_tokens,
                          const engine::TokenCounter& tokens);

}  // namespace tpt::augment
