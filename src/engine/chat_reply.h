// The answer of an OpenAI-compatible server as its bytes arrive: one JSON object or a stream of
// events, whichever the server chose, to text, counts and the reason of its end.
#pragma once

#include "engine/chat_answer.h"
#include "engine/engine.h"
#include "engine/sse_reader.h"
#include "engine/thinking_text.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

struct ChatReplyOptions {
  AnswerPart part = AnswerPart::thinking;
  std::string answer_start;
  bool answer_start_sent = false;  // the server was made to start with it
  std::vector<std::string> stop;
  std::int64_t max_tokens = 0;
  std::size_t most_bytes = 64U << 20U;  // of the answer; more is a broken server
  std::function<bool(std::string_view)> keep_going;
};

// Why no more is wanted before the end.
enum class ReplyEnd {
  none,
  loop,       // keep_going said so
  over,       // the thinking is complete, and what follows is not wanted
  too_large,  // more than most_bytes
  torn        // an event that is no JSON
};

class ChatReply {
 public:
  explicit ChatReply(ChatReplyOptions options);

  // False where no more is wanted: see end().
  bool feed(std::string_view bytes);
  ReplyEnd end() const { return end_; }

  // The response once the last byte came (`whole`), or as far as it came: text and finish, and the
  // failure where the answer is none. Counts are -1 where the server told none.
  struct Result {
    Response response;
    std::int64_t prompt_tokens = -1;
    std::int64_t generated_tokens = -1;
    bool has_error = false;  // the server answered with an error object
    ChatAnswer error;
  };
  Result finish(bool whole);
  // The end of a stream was seen.
  bool complete() const {
    return form_ == Form::stream && (done_ || !finish_reason_.empty()) && !torn_;
  }
  // Bytes of text, of thinking and answer together.
  std::size_t bytes() const { return text_.bytes(); }
  // Tokens of the text, for servers that tell none: of what was wanted alone where the rest was not
  // waited for. `is_exact`: the counter has the model's vocabulary.
  std::int64_t count(const TokenCounter& counter, bool is_exact) const;

 private:
  enum class Form { unknown, object, stream };

  bool event(std::string_view data);
  void take(const ChatAnswer& answer);
  void decide_form();
  bool watch();
  void fail(Result& result, Failure failure, std::string message) const;
  void settle(Result& result) const;

  ChatReplyOptions options_;
  Form form_ = Form::unknown;
  ReplyEnd end_ = ReplyEnd::none;
  std::string object_;  // the bytes of an object, or those before the form is known
  SseReader events_;
  std::string event_;  // the JSON of the present event
  ChatAnswer piece_;
  ThinkingText text_;
  ChatAnswer error_;
  std::string finish_reason_;
  std::int64_t prompt_tokens_ = -1;
  std::int64_t generated_tokens_ = -1;
  std::int64_t chunks_ = 0;  // events with text
  std::int64_t thinking_chunks_ = 0;
  std::size_t received_ = 0;
  std::size_t watched_ = 0;      // bytes of thinking that keep_going has seen
  bool stops_thinking_ = false;  // the request ends with the thinking
  bool has_choice_ = false;
  bool done_ = false;  // [DONE] came
  bool torn_ = false;  // an event was no JSON
};

}  // namespace tpt::engine
