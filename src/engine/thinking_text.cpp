#include "engine/thinking_text.h"

#include "base/white_space.h"
#include "engine/chat_request.h"

#include <algorithm>

namespace tpt::engine {

namespace {

std::string_view without_line_end(std::string_view text) {
  if (text.starts_with("\r\n")) return text.substr(2);
  return text.substr(text.starts_with('\n') ? 1 : 0);
}

void join(std::string& text, std::string_view more, char between) {
  if (is_blank(more)) return;
  if (!text.empty()) text += between;
  text += more;
}

}  // namespace

ThinkingText::ThinkingText(std::string_view answer_start, bool sent)
    : open_("<think>"), close_("</think>") {
  const std::string_view start = trimmed(answer_start);
  const std::string_view tag = start.substr(0, std::min(start.find('>'), start.size() - 1) + 1);
  if (!tag.empty() && is_only_tag(tag) && !tag.starts_with("</")) {
    open_ = tag;
    close_ = "</" + open_.substr(1);
    starts_inside_ = sent && start.find(close_) == std::string_view::npos;
  }
  continues_ = sent && !is_only_tag(start);
}

void ThinkingText::add_content(std::string_view piece) {
  content_ += piece;
  const std::size_t longest = close_.size();
  const std::size_t from = searched_ - std::min(searched_, longest);
  if (opened_at_ == std::string::npos) opened_at_ = content_.find(open_, from);
  if (closed_at_ == std::string::npos) closed_at_ = content_.find(close_, from);
  searched_ = content_.size();
}

std::size_t ThinkingText::thinking_begin() const {
  // A server may repeat the tag that it was given.
  if (starts_inside_ && opened_at_ != std::string::npos &&
      is_blank(std::string_view(content_).substr(0, opened_at_))) {
    return opened_at_ + open_.size();
  }
  // The template opened it where an end comes before any start.
  if (starts_inside_ || closed_at_ < opened_at_) return 0;
  return opened_at_ == std::string::npos ? opened_at_ : opened_at_ + open_.size();
}

ThinkingText::Parts ThinkingText::split() const {
  Parts parts;
  const std::size_t begin = thinking_begin();
  std::string_view rest = content_;
  if (begin >= open_.size()) parts.answer = trimmed(rest.substr(0, begin - open_.size()));
  rest.remove_prefix(begin);
  for (bool inside = true; !rest.empty(); inside = !inside) {
    const std::string& tag = inside ? close_ : open_;
    const std::size_t at = rest.find(tag);
    const std::string_view piece = rest.substr(0, at);
    if (inside) {
      join(parts.thinking, continues_ ? piece : without_line_end(piece), '\n');
    } else {
      join(parts.answer, trimmed(piece), ' ');
    }
    if (at == std::string_view::npos) break;
    rest.remove_prefix(at + tag.size());
  }
  return parts;
}

std::string ThinkingText::part(AnswerPart wanted) const {
  const bool tags = thinking_begin() != std::string::npos;
  const bool reasoned = !is_blank(reasoning_);
  if (wanted == AnswerPart::thinking) {
    if (reasoned) return std::string(continues_ ? reasoning_ : without_line_end(reasoning_));
    return tags ? split().thinking : content_;
  }
  // A field of its own has the thinking: the tags that the content may still hold are its rest.
  if (tags) return split().answer;
  return reasoned ? std::string(trimmed(content_)) : content_;
}

std::string_view ThinkingText::thinking_so_far() const {
  if (!reasoning_.empty()) return reasoning_;
  const std::string_view content = content_;
  const std::size_t begin = thinking_begin();
  if (begin == std::string::npos) return content;
  const std::size_t end =
      closed_at_ != std::string::npos && closed_at_ >= begin ? closed_at_ : content.size();
  return content.substr(begin, end - begin);
}

bool ThinkingText::thinking_is_over() const {
  if (closed_at_ != std::string::npos) return true;
  return !is_blank(reasoning_) && !is_blank(content_);
}

bool ThinkingText::has_answer() const {
  if (!is_blank(reasoning_)) return !is_blank(content_);
  if (closed_at_ == std::string::npos) return false;
  return !is_blank(std::string_view(content_).substr(closed_at_ + close_.size()));
}

}  // namespace tpt::engine
