#include "engine/chat_reply.h"

#include "base/byte_order_mark.h"
#include "engine/answer_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace tpt::engine {

namespace {

// Of an error's words, where they stand in no field that is known.
constexpr std::size_t kMostErrorBytes = 300;
constexpr std::string_view kSpace = " \t\r\n";
// An answer that is nothing but a stop string or an end of turn has a few tokens and no text; with
// more than these the text was lost on its way.
constexpr std::int64_t kMostTokensWithoutText = 16;

bool means_length(std::string_view reason) {
  return reason == "length" || reason == "max_tokens" || reason == "model_length" ||
         reason == "max_output_tokens";
}

bool means_call(std::string_view reason) {
  return reason == "tool_calls" || reason == "function_call";
}

bool means_failure(std::string_view reason) {
  return reason == "abort" || reason == "error" || reason == "cancelled";
}

std::string_view stripped(std::string_view text) {
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

}  // namespace

ChatReply::ChatReply(ChatReplyOptions options)
    : options_(std::move(options)), text_(options_.answer_start, options_.answer_start_sent) {
  stops_thinking_ =
      options_.part == AnswerPart::thinking &&
      std::any_of(options_.stop.begin(), options_.stop.end(), [](const std::string& stop) {
        const std::string_view tag = stripped(stop);
        return tag.starts_with("</") && tag.ends_with('>');
      });
}

bool ChatReply::feed(std::string_view bytes) {
  if (end_ != ReplyEnd::none) return false;
  received_ += bytes.size();
  const bool stream = form_ == Form::stream;
  if ((stream ? text_.bytes() + events_.held_bytes() + bytes.size() : received_) >
      options_.most_bytes) {
    end_ = ReplyEnd::too_large;
    return false;
  }
  if (form_ != Form::stream) {
    object_ += bytes;
    if (form_ == Form::unknown) decide_form();
    if (form_ != Form::stream) return true;
    bytes = object_;
  }
  const bool goes_on = events_.feed(bytes, [this](std::string_view data) { return event(data); });
  if (!object_.empty()) object_ = std::string();
  // What stands behind [DONE] is of no interest, but the connection is.
  return goes_on || done_;
}

void ChatReply::decide_form() {
  const std::string_view text = without_byte_order_mark(object_);
  const std::size_t from = text.find_first_not_of(kSpace);
  if (from == std::string_view::npos) return;
  const std::string_view head = text.substr(from, 5);
  for (const std::string_view field : {"data:", "event", "id:", "retry", ":"}) {
    if (head.starts_with(field.substr(0, head.size()))) {
      if (head.size() >= field.size()) form_ = Form::stream;
      return;
    }
  }
  form_ = Form::object;
}

bool ChatReply::event(std::string_view data) {
  if (done_) return true;
  data = stripped(data);
  if (data == "[DONE]") {
    done_ = true;
    return true;
  }
  if (data.empty()) return true;
  event_.assign(data);
  piece_ = ChatAnswer{};
  if (!read_chat_answer(event_, piece_)) {
    torn_ = true;
    end_ = ReplyEnd::torn;
    return false;
  }
  if (events_.event() == "error" && !piece_.has_error) {
    piece_.has_error = true;
    piece_.error = data.substr(0, kMostErrorBytes);
  }
  take(piece_);
  // After each event, however many came at once: the same answer ends at the same place.
  return watch();
}

void ChatReply::take(const ChatAnswer& answer) {
  if (answer.has_error) error_ = answer;
  text_.add_reasoning(answer.reasoning);
  text_.add_content(answer.content);
  if (!answer.reasoning.empty() || !answer.content.empty()) {
    ++chunks_;
    thinking_chunks_ += text_.has_answer() ? 0 : 1;
  }
  has_choice_ = has_choice_ || answer.has_choice;
  if (!answer.finish_reason.empty()) finish_reason_ = answer.finish_reason;
  if (answer.prompt_tokens >= 0) prompt_tokens_ = answer.prompt_tokens;
  if (answer.generated_tokens >= 0) generated_tokens_ = answer.generated_tokens;
}

bool ChatReply::watch() {
  if (!finish_reason_.empty() || done_ || torn_) return true;
  if (stops_thinking_ && text_.has_answer()) {
    end_ = ReplyEnd::over;
    return false;
  }
  if (!options_.keep_going || text_.thinking_is_over()) return true;
  const std::string_view thinking = text_.thinking_so_far();
  if (thinking.size() <= watched_) return true;
  watched_ = thinking.size();
  if (options_.keep_going(thinking)) return true;
  end_ = ReplyEnd::loop;
  return false;
}

std::int64_t ChatReply::count(const TokenCounter& counter, bool is_exact) const {
  const bool is_thinking = end_ == ReplyEnd::over;
  const std::int64_t counted =
      is_thinking ? counter.count(text_.part(AnswerPart::thinking)) : text_.count(counter);
  // A stream has a token in each event, unless the server sends several at once.
  const std::int64_t events = is_thinking ? thinking_chunks_ : chunks_;
  return !is_exact && events > 1 && 2 * events >= counted ? events : counted;
}

void ChatReply::fail(Result& result, Failure failure, std::string message) const {
  result.response.finish = Finish::error;
  result.response.failure = failure;
  result.response.error = std::move(message);
}

ChatReply::Result ChatReply::finish(bool whole) {
  Result result;
  const bool ended = whole || end_ != ReplyEnd::none;
  if (form_ == Form::stream) {
    if (whole && end_ == ReplyEnd::none && !torn_) {
      events_.finish([this](std::string_view data) { return event(data); });
    }
  } else if (ended) {
    piece_ = ChatAnswer{};
    if (object_.starts_with(kByteOrderMark)) object_.erase(0, kByteOrderMark.size());
    torn_ = !read_chat_answer(object_, piece_);
    take(piece_);
  }
  result.prompt_tokens = prompt_tokens_;
  result.generated_tokens = generated_tokens_;
  AnswerText text(options_.stop);
  const bool stopped = text.append(text_.part(options_.part));
  // Invalid bytes inside become U+FFFD; a code point cut off at the end is dropped.
  result.response.text = text.text();
  result.has_error = error_.has_error;
  result.error = error_;
  if (ended) settle(result);
  if (stopped && result.response.finish == Finish::length) result.response.finish = Finish::stop;
  return result;
}

void ChatReply::settle(Result& result) const {
  Response& response = result.response;
  if (end_ == ReplyEnd::loop) {
    response.finish = Finish::loop;
  } else if (end_ == ReplyEnd::too_large) {
    fail(result, Failure::broken,
         fmt::format("the answer is longer than {} bytes", options_.most_bytes));
  } else if (end_ == ReplyEnd::over) {
    response.finish = Finish::stop;
  } else if (error_.has_error) {
    fail(result, Failure::broken, error_.error.empty() ? "an error without words" : error_.error);
  } else if (torn_) {
    fail(result, Failure::broken,
         received_ == 0 ? "an empty answer" : "the answer is not whole JSON");
  } else if (form_ == Form::stream && finish_reason_.empty() && !done_) {
    fail(result, Failure::unreachable, "the stream was cut before its end");
  } else if (!has_choice_) {
    fail(result, Failure::broken, "the answer holds no choice");
  } else if (means_failure(finish_reason_)) {
    fail(result, Failure::broken, "the server ended the answer: " + finish_reason_);
  } else if (finish_reason_ == "content_filter") {
    fail(result, Failure::refused, "the server's content filter ended the answer");
  } else if (chunks_ == 0 && (finish_reason_.empty() || means_call(finish_reason_) ||
                              generated_tokens_ > kMostTokensWithoutText)) {
    fail(result, Failure::broken, "the answer holds no text");
  } else {
    const bool unsaid = finish_reason_.empty() && options_.max_tokens > 0 &&
                        generated_tokens_ >= options_.max_tokens;
    response.finish = means_length(finish_reason_) || unsaid ? Finish::length : Finish::stop;
    // The cap fell into what follows the thinking.
    if (options_.part == AnswerPart::thinking && text_.thinking_is_over()) {
      response.finish = Finish::stop;
    }
  }
}

}  // namespace tpt::engine
