#include "engine/sse_reader.h"

#include <algorithm>
#include <utility>

namespace tpt::engine {

bool SseReader::feed(std::string_view bytes, const OnData& on_data) {
  while (!bytes.empty()) {
    if (after_return_) {
      after_return_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) {
      line_ += bytes;
      return true;
    }
    after_return_ = bytes[end] == '\r';
    bool goes_on = true;
    if (line_.empty()) {
      goes_on = line(bytes.substr(0, end), on_data);
    } else {
      line_ += bytes.substr(0, end);
      goes_on = line(line_, on_data);
      line_.clear();
    }
    if (!goes_on) return false;
    bytes.remove_prefix(end + 1);
  }
  return true;
}

bool SseReader::finish(const OnData& on_data) {
  if (!line_.empty()) {
    const std::string last = std::move(line_);
    line_.clear();
    if (!line(last, on_data)) return false;
  }
  return dispatch(on_data);
}

bool SseReader::line(std::string_view text, const OnData& on_data) {
  if (first_line_) {
    first_line_ = false;
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  }
  if (text.empty()) return dispatch(on_data);
  // Every other field (event, id, retry) and a comment says nothing about the text.
  if (!text.starts_with("data") || (text.size() > 4 && text[4] != ':')) return true;
  std::string_view value = text.substr(std::min<std::size_t>(5, text.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (has_data_) data_ += '\n';
  has_data_ = true;
  data_ += value;
  return true;
}

bool SseReader::dispatch(const OnData& on_data) {
  if (!has_data_) return true;
  has_data_ = false;
  // Its memory is used again by the next event.
  const bool goes_on = on_data(data_);
  data_.clear();
  return goes_on;
}

}  // namespace tpt::engine
