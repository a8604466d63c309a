// The text of an answer as its tokens arrive: ends before the first stop string, even one that
// spans several tokens, and is valid UTF-8 in the end.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::engine {

class AnswerText {
 public:
  AnswerText() = default;
  // Empty stop strings are ignored.
  explicit AnswerText(std::vector<std::string> stops);

  // Adds the bytes of the next token. True where the text now holds a stop string: it is cut there,
  // and nothing may be added any more.
  bool append(std::string_view piece);
  // The bytes so far; a code point may still be incomplete.
  const std::string& bytes() const { return bytes_; }
  // The text: a code point cut off at the end is dropped, other invalid bytes become U+FFFD.
  std::string text() const;

 private:
  std::vector<std::string> stops_;
  std::size_t longest_stop_ = 0;
  std::string bytes_;
};

}  // namespace tpt::engine
