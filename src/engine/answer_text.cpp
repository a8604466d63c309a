#include "engine/answer_text.h"

#include "base/utf8.h"

#include <algorithm>
#include <utility>

namespace tpt::engine {

AnswerText::AnswerText(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
  for (const std::string& stop : stops_) {
    longest_stop_ = std::max(longest_stop_, stop.size());
  }
}

bool AnswerText::append(std::string_view piece) {
  const std::size_t searched = bytes_.size();
  bytes_ += piece;
  // A stop string may have begun in the bytes before this piece.
  const std::size_t from = searched - std::min(searched, longest_stop_);
  std::size_t cut = std::string::npos;
  for (const std::string& stop : stops_) {
    cut = std::min(cut, bytes_.find(stop, from));
  }
  if (cut == std::string::npos) {
    return false;
  }
  bytes_.resize(cut);
  return true;
}

std::string AnswerText::text() const { return valid_utf8(bytes_, CutEnd::dropped); }

}  // namespace tpt::engine
