#include "corpus/field_scanner.h"

#include <algorithm>

namespace tpt::corpus {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Behind the string that begins at `at` with its quote.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const std::size_t begin = at + 1;
  for (std::size_t quote = text.find('"', begin); quote != std::string_view::npos;
       quote = text.find('"', quote + 1)) {
    std::size_t first_backslash = quote;
    while (first_backslash > begin && text[first_backslash - 1] == '\\') --first_backslash;
    // An even number of them are themselves escaped, and the quote is not.
    if ((quote - first_backslash) % 2 == 0) return quote + 1;
  }
  return text.size();
}

}  // namespace

FieldScanner::FieldScanner(std::string_view object) : rest_(object) {
  skip_space();
  rest_.remove_prefix(1);
}

bool FieldScanner::next(Field& field) {
  skip_space();
  if (rest_.starts_with(',')) {
    rest_.remove_prefix(1);
    skip_space();
  }
  if (!rest_.starts_with('"')) return false;
  field.key = take_string();
  skip_space();
  rest_.remove_prefix(1);
  skip_space();
  field.value = take_value();
  return true;
}

void FieldScanner::skip_space() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size()));
}

std::string_view FieldScanner::take_string() {
  const std::string_view taken = rest_.substr(0, end_of_string(rest_, 0));
  rest_.remove_prefix(taken.size());
  return taken;
}

std::string_view FieldScanner::take_value() {
  if (rest_.front() == '"') return take_string();
  std::size_t end = 0;
  if (rest_.front() == '{' || rest_.front() == '[') {
    std::size_t depth = 0;
    do {
      const char letter = rest_[end];
      if (letter == '"') {
        end = end_of_string(rest_, end);
        continue;
      }
      if (letter == '{' || letter == '[') ++depth;
      if (letter == '}' || letter == ']') --depth;
      ++end;
    } while (depth > 0 && end < rest_.size());
  } else {
    end = std::min(rest_.find_first_of(",} \t\r\n"), rest_.size());
  }
  const std::string_view taken = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return taken;
}

}  // namespace tpt::corpus
