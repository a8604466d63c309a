#include "engine/chat_prompt.h"

#include "base/error.h"

namespace tpt::engine {

namespace {

constexpr std::string_view kPlaceholder = "@@the-user-says@@";
constexpr std::string_view kWhiteSpace = " \t\r\n\f\v";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

// A Jinja string literal spells a line feed as \n.
std::string unescape(std::string_view literal) {
  std::string text;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == '\\' && i + 1 < literal.size()) {
      ++i;
      text += literal[i] == 'n' ? '\n' : literal[i] == 't' ? '\t' : literal[i];
    } else {
      text += literal[i];
    }
  }
  return text;
}

}  // namespace

std::string system_prompt_of_template(std::string_view jinja) {
  constexpr std::string_view kOpening = "<|im_start|>system";
  constexpr std::string_view kClosing = "<|im_end|>";
  for (std::size_t at = jinja.find(kOpening); at != std::string_view::npos;
       at = jinja.find(kOpening, at + 1)) {
    std::string_view rest = jinja.substr(at + kOpening.size());
    if (rest.starts_with("\\n")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("\n")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    const std::string_view literal = rest.substr(0, rest.find(kClosing));
    // A quote or a brace ends the literal: there the turn is put together from variables.
    if (literal.size() < rest.size() && !literal.empty() &&
        literal.find_first_of("'\"{}") == std::string_view::npos) {
      return unescape(literal);
    }
  }
  return "";
}

ChatPrompt::ChatPrompt(const LlamaModel& model, const std::string& system_prompt)
    : model_(model),
      system_prompt_(system_prompt.empty() ? system_prompt_of_template(model.chat_template())
                                           : system_prompt) {
  const std::string spaced = " " + std::string(kPlaceholder) + " ";
  const std::optional<std::string> whole = model.render_chat(system_prompt_, spaced);
  if (!whole || whole->find(kPlaceholder) == std::string::npos) {
    return;
  }
  usable_ = true;
  std::size_t start = whole->find(spaced);
  std::size_t length = spaced.size();
  if (start == std::string::npos) {
    trims_ = true;
    start = whole->find(kPlaceholder);
    length = kPlaceholder.size();
  }
  // Plain text of the template is tokenised together with the user's text, as if the whole had been
  // one string: a tokenizer cuts at special tokens only.
  const std::string head = whole->substr(0, start);
  before_ = model.tokenize(head, true);
  while (!before_.empty() && !model.is_special(before_.back())) {
    text_before_.insert(0, model.piece(before_.back(), true));
    before_.pop_back();
  }
  if (!head.ends_with(text_before_)) {
    text_before_ = std::string(trim(text_before_));
  }
  after_ = whole->substr(start + length);
  for (const Token token : model.tokenize(after_, true)) {
    if (model.is_special(token)) {
      break;
    }
    text_after_ += model.piece(token, true);
  }
  if (after_.starts_with(text_after_)) {
    after_.erase(0, text_after_.size());
  } else {
    text_after_.clear();
  }
}

void ChatPrompt::append(std::vector<Token>& tokens, std::string_view text, bool special) const {
  if (!text.empty()) {
    const std::vector<Token> more = model_.tokenize(text, special);
    tokens.insert(tokens.end(), more.begin(), more.end());
  }
}

std::vector<Token> ChatPrompt::tokens(const Request& request) const {
  std::vector<Token> tokens;
  if (request.chat) {
    if (!usable_) {
      user_error(
          "the model has no chat template that llama.cpp knows; give prompts that are to be "
          "continued as they are, or another model");
    }
    tokens = before_;
    std::string text = text_before_;
    text += trims_ ? trim(request.prompt) : std::string_view(request.prompt);
    text += text_after_;
    append(tokens, text, false);
    append(tokens, after_ + request.answer_start, true);
  } else {
    append(tokens, request.prompt, false);
    append(tokens, request.answer_start, true);
  }
  const std::optional<Token> start = model_.start_token();
  if (start && (tokens.empty() || tokens.front() != *start)) {
    tokens.insert(tokens.begin(), *start);
  }
  return tokens;
}

}  // namespace tpt::engine
