#include "engine/sse_reader.h"

#include "base/byte_order_mark.h"

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
    text = without_byte_order_mark(text);
  }
  if (text.empty()) return dispatch(on_data);
  // Every other field (id, retry) and a comment says nothing about the text.
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view field = text.substr(0, colon);
  if (field != "data" && field != "event") return true;
  std::string_view value = text.substr(std::min(colon + 1, text.size()));
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
    return true;
  }
  if (has_data_) data_ += '\n';
  has_data_ = true;
  data_ += value;
  return true;
}

bool SseReader::dispatch(const OnData& on_data) {
  const bool goes_on = !std::exchange(has_data_, false) || on_data(data_);
  // Their memory is used again by the next event.
  data_.clear();
  event_.clear();
  return goes_on;
}

}  // namespace tpt::engine
