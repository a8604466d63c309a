// The thinking in what a server sends, whichever way it sends it: in a field of its own, or between
// tags in the content, whole or a few bytes at a time.
#pragma once

#include "engine/engine.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tpt::engine {

// What of an answer is wanted.
enum class AnswerPart {
  thinking,  // the reasoning; the content where the server gave none
  answer     // the content behind the reasoning
};

// Content is read like this:
//   <think>a</think> b      thinking "a", answer "b"
//   a</think> b             the same: the template opened it
//   a                       thinking "a", and answer "a": a model that was asked for nothing else
//   <think>a                thinking "a": not yet closed
//   x <think>a</think> y <think>b</think> z    thinking "a\nb", answer "x y z"
// Where the reasoning has a field of its own, the content is the answer as it stands, but for tags.
class ThinkingText {
 public:
  // `answer_start`: what the answer is wanted to start with. A tag there (<think>, <reasoning>,
  // ...) is the one that is looked for, <think> otherwise. `sent`: the server was made to start
  // with it, so that the text begins inside the thinking.
  explicit ThinkingText(std::string_view answer_start = {}, bool sent = false);

  void add_reasoning(std::string_view piece) { reasoning_ += piece; }
  void add_content(std::string_view piece);

  // The text so far. Not cheap where there are several parts.
  std::string part(AnswerPart part) const;
  // The thinking so far, at most what is certain; valid until the next add.
  std::string_view thinking_so_far() const;
  // A reasoning field or a closed tag, and then content.
  bool thinking_is_over() const;
  // Content that stands behind an end of thinking, or a reasoning field beside content.
  bool has_answer() const;
  std::size_t bytes() const { return reasoning_.size() + content_.size(); }
  // Tokens of all of it.
  std::int64_t count(const TokenCounter& counter) const {
    return counter.count(reasoning_) + counter.count(content_);
  }

 private:
  struct Parts {
    std::string thinking;
    std::string answer;
  };
  Parts split() const;
  // Where the content's first thinking begins; npos where no tag says so.
  std::size_t thinking_begin() const;

  std::string open_;
  std::string close_;
  bool continues_ = false;      // the answer goes on in the middle of a text
  bool starts_inside_ = false;  // of the thinking
  std::string reasoning_;
  std::string content_;
  std::size_t opened_at_ = std::string::npos;  // of the first <think> in the content
  std::size_t closed_at_ = std::string::npos;  // of the first </think>
  std::size_t searched_ = 0;
};

}  // namespace tpt::engine
