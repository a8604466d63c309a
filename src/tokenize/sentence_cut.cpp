#include "tokenize/tokenizer.h"
#include "tokenize/unicode.h"

#include <algorithm>
#include <array>

namespace tpt::tokenize {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Bytes of the sentence end that starts at `at`, 0 where there is none: its mark and any closing
// quotes and brackets.
std::size_t mark_length(std::string_view text, std::size_t at) {
  static constexpr std::array<std::string_view, 7> kMarks = {
      ".", "!", "?", "\xE2\x80\xA6", "\xE3\x80\x82", "\xEF\xBC\x81", "\xEF\xBC\x9F"};
  static constexpr std::array<std::string_view, 7> kClosers = {
      "\"", "'", ")", "]", "\xE2\x80\x9D", "\xE2\x80\x99", "\xE3\x80\x8D"};
  const auto length_at = [&](std::size_t position, const auto& words) -> std::size_t {
    for (const std::string_view word : words) {
      if (text.substr(position, word.size()) == word) {
        return word.size();
      }
    }
    return 0;
  };
  std::size_t length = length_at(at, kMarks);
  if (length > 0) {
    while (const std::size_t more = length_at(at + length, kClosers)) {
      length += more;
    }
  }
  return length;
}

// True where the mark at `at`, ending at `end`, ends a sentence: white space or nothing follows,
// and then no small letter ("e.g. this"). Marks of scripts without spaces need none.
bool ends_sentence(std::string_view text, std::size_t at, std::size_t end) {
  if (end == text.size()) {
    return true;
  }
  if (!is_space(text[end])) {
    return static_cast<unsigned char>(text[at]) == 0xE3 ||
           static_cast<unsigned char>(text[at]) == 0xEF;
  }
  std::size_t next = end;
  while (next < text.size() && is_space(text[next])) {
    ++next;
  }
  return next == text.size() || text[next] < 'a' || text[next] > 'z';
}

// The last bytes of the marks and closers: most places are told by one look.
bool may_end_sentence(char byte) {
  switch (static_cast<unsigned char>(byte)) {
    case '.':
    case '!':
    case '?':
    case '"':
    case '\'':
    case ')':
    case ']':
    case 0xA6:
    case 0x82:
    case 0x81:
    case 0x9F:
    case 0x9D:
    case 0x99:
    case 0x8D:
      return true;
    default:
      return false;
  }
}

// True where a sentence, with its closing quotes and brackets, ends at `end`.
bool sentence_ends_at(std::string_view text, std::size_t end) {
  if (!may_end_sentence(text[end - 1])) return false;
  // A mark with its closers has at most a few bytes.
  for (std::size_t at = end - 1; at + 12 > end; --at) {
    const std::size_t length = mark_length(text, at);
    if (length > 0 && at + length == end && ends_sentence(text, at, end)) return true;
    if (at == 0) break;
  }
  return false;
}

}  // namespace

std::size_t last_sentence_end(std::string_view text) {
  for (std::size_t end = text.size(); end > 0; --end) {
    if (sentence_ends_at(text, end)) return end;
  }
  return 0;
}

std::size_t sentence_cut(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return text.size();
  }
  const std::size_t limit = code_point_floor(text, max_bytes);
  // What would leave less than half of the room is worse than a cut sentence.
  const std::size_t least = limit / 2;
  std::size_t word = 0;
  for (std::size_t end = limit; end > least; --end) {
    if (word == 0 && is_space(text[end]) && !is_space(text[end - 1])) {
      word = end;
    }
    if (text.substr(end, 2) == "\n\n" && !is_space(text[end - 1])) {
      return end;
    }
    if (sentence_ends_at(text, end)) return end;
  }
  return word > 0 ? word : limit;
}

}  // namespace tpt::tokenize
