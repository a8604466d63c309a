// Server-sent events, cut from any split of their bytes: lines that end in LF, CR LF or CR,
// comments, a byte order mark, data over several lines.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace tpt::engine {

class SseReader {
 public:
  // Gets the data of one event; false to stop reading.
  using OnData = std::function<bool(std::string_view data)>;

  // False where `on_data` said so; nothing may be fed after that.
  bool feed(std::string_view bytes, const OnData& on_data);
  // The bytes end: an event without its empty line counts too, because some servers forget it.
  bool finish(const OnData& on_data);
  // The name of the event whose data is being given; "" where it has none.
  const std::string& event() const { return event_; }
  // Bytes kept of an event that is not complete.
  std::size_t held_bytes() const { return line_.size() + data_.size() + event_.size(); }

 private:
  bool line(std::string_view text, const OnData& on_data);
  bool dispatch(const OnData& on_data);

  std::string line_;  // not yet complete
  std::string data_;
  std::string event_;
  bool has_data_ = false;
  bool after_return_ = false;  // an LF now belongs to the CR before it
  bool first_line_ = true;
};

}  // namespace tpt::engine
