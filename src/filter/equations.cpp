#include "filter/equations.h"

#include "filter/equality.h"
#include "filter/equation_context.h"
#include "filter/expression.h"
#include "filter/measure_units.h"
#include "filter/spoken_equations.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace tpt::filter {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The bytes of what may stand in a side and ends at `end`; 0 where nothing does.
std::size_t side_bytes_before(std::string_view text, std::size_t end) {
  const char c = text[end - 1];
  if (is_digit(c) || c == '.' || c == ',') return 1;
  if (is_letter(c)) {
    std::size_t start = end - 1;
    while (start > 0 && end - start < 8 && is_letter(text[start - 1])) --start;
    if (start > 0 && text[start - 1] == '\\') --start;
    const Sign sign = sign_at(text, start);
    if (sign.kind != 0 && start + sign.bytes == end) return sign.bytes;
    return sign_at(text, end - 1).kind != 0 ? 1 : 0;
  }
  for (std::size_t bytes = 3; bytes >= 1; --bytes) {
    if (end < bytes) continue;
    const Sign sign = sign_at(text, end - bytes);
    if (sign.kind != 0 && sign.bytes == bytes) return bytes;
  }
  return 0;
}

std::size_t side_bytes_at(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (is_digit(c) || c == '.' || c == ',') return 1;
  return sign_at(text, at).bytes;
}

// A list or a clause ends there: a comma or point with a space behind it.
bool is_break(std::string_view text, std::size_t at) {
  if (at > 0 && text[at - 1] == '\\') return false;
  return (text[at] == ',' || text[at] == '.') &&
         (at + 1 >= text.size() || text[at + 1] == ' ' || text[at + 1] == '\n' ||
          text[at + 1] == '$' || (text[at + 1] == '\\' && text.substr(at + 2, 1) != "!"));
}

std::string_view trimmed(std::string_view text) {
  const auto is_layout = [](char c) { return c == ' ' || c == '&'; };
  while (!text.empty() && is_layout(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_layout(text.back())) text.remove_suffix(1);
  return text;
}

// Takes off what belongs to the text around: parentheses that close or open nothing here.
std::string_view balanced(std::string_view text, bool from_behind) {
  int open = 0;
  if (from_behind) {
    for (std::size_t i = text.size(); i > 0; --i) {
      const char kind = sign_at(text, i - 1).kind;
      open += kind == ')' ? 1 : kind == '(' ? -1 : 0;
      if (open < 0) return text.substr(i);
    }
  } else {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char kind = sign_at(text, i).kind;
      open += kind == '(' ? 1 : kind == ')' ? -1 : 0;
      if (open < 0) return text.substr(0, i);
    }
    // "12 (as we saw)": the parenthesis is the text's.
    if (open > 0) return text.substr(0, text.rfind('('));
  }
  return text;
}

// "90 / 60 = 1 hour 30 minutes", "20 * 5 = 1 dollar": the result is told in another unit.
bool may_be_converted(std::string_view lower, const Equation& equation) {
  const std::size_t unit = behind_spaces(lower, equation.end);
  const std::string_view word = word_at(lower, unit);
  if (word.empty()) return false;
  std::size_t next = behind_spaces(lower, unit + word.size());
  if (word_at(lower, next) == "and") next = behind_spaces(lower, next + 3);
  return may_be_conversion(equation.left_value, equation.right_value) ||
         (next < lower.size() && is_digit(lower[next]));
}

bool is_named(std::string_view text, std::size_t at) {
  while (at > 0 && text[at - 1] == ' ') --at;
  return at > 0 && is_letter(text[at - 1]);
}

// The side that ends at `end`, or "".
std::string_view left_side(std::string_view text, std::size_t end) {
  constexpr std::size_t kMost = 200;
  std::size_t begin = end;
  while (begin > 0 && end - begin < kMost) {
    if (is_break(text, begin - 1) && begin < end) break;
    const std::size_t bytes = side_bytes_before(text, begin);
    if (bytes == 0) break;
    begin -= bytes;
  }
  std::string_view side = trimmed(balanced(text.substr(begin, end - begin), true));
  const auto start = [&] { return static_cast<std::size_t>(side.data() - text.data()); };
  // The mark of a list item.
  const bool at_line_start = !side.empty() && (start() == 0 || text[start() - 1] == '\n');
  if (at_line_start &&
      (side.starts_with("- ") || side.starts_with("* ") || side.starts_with("+ "))) {
    side = trimmed(side.substr(2));
    return side;
  }
  if (side.empty() || !starts_freely(text, start())) return {};
  const char first = sign_at(side, 0).kind;
  // "Week 2 = 35 + 35", "in half a day (1/2) = 48 * 2": the words are the side.
  if (is_named(text, start()) &&
      (first == '(' || evaluate(side).value_or(Evaluated{}).operations == 0)) {
    return {};
  }
  const bool joins = first != 0 && first != '(' && first != 'f' && first != ' ';
  return joins && !(first == '-' && at_line_start) ? std::string_view() : side;
}

std::string_view right_side(const Reading& reading, std::size_t begin) {
  constexpr std::size_t kMost = 200;
  const std::string_view text = reading.text;
  std::size_t end = begin;
  while (end < text.size() && end - begin < kMost && text[end] != '=') {
    if (is_break(text, end)) break;
    const std::size_t bytes = side_bytes_at(text, end);
    if (bytes == 0) break;
    end += bytes;
  }
  const std::string_view side = trimmed(balanced(text.substr(begin, end - begin), false));
  if (side.empty()) return {};
  const std::size_t behind = static_cast<std::size_t>(side.data() - text.data()) + side.size();
  const bool continued = end < text.size() && text[end] == '=' && behind <= end;
  return continued || ends_freely(reading.lower, behind) ? side : std::string_view();
}

// A sign of equality and of nothing else.
bool is_equality(std::string_view text, std::size_t at) {
  constexpr std::string_view kNotBefore = "=<>!:+-*/%&|^~";
  constexpr std::string_view kNotBehind = "=>~<";
  const bool before = at > 0 && kNotBefore.find(text[at - 1]) != std::string_view::npos;
  const bool aligned = at > 0 && text[at - 1] == '&';
  return (!before || aligned) &&
         (at + 1 >= text.size() || kNotBehind.find(text[at + 1]) == std::string_view::npos);
}

}  // namespace

namespace {

// Sides that are signs and numbers to their ends.
std::vector<Equation> find_written_equations(const Reading& reading) {
  const std::string_view text = reading.text;
  std::vector<Equation> equations;
  if (text.find('=') == std::string_view::npos) return equations;
  const std::vector<Extent> code = code_extents(text);
  auto skip = code.begin();
  for (std::size_t at = text.find('='); at != std::string_view::npos; at = text.find('=', at + 1)) {
    while (skip != code.end() && skip->end <= at) ++skip;
    if ((skip != code.end() && skip->begin <= at) || !is_equality(text, at)) continue;
    const std::string_view left = left_side(text, at);
    if (left.empty()) continue;
    const std::string_view right = right_side(reading, at + 1);
    if (auto equation = equation_of(left, right)) {
      equation->begin = static_cast<std::size_t>(left.data() - text.data());
      equation->end = static_cast<std::size_t>(right.data() - text.data()) + right.size();
      if (equation->holds || !may_be_converted(reading.lower, *equation)) {
        equations.push_back(std::move(*equation));
      }
    }
  }
  return equations;
}

}  // namespace

std::vector<Equation> find_equations(const Reading& reading) {
  std::vector<Equation> equations = find_written_equations(reading);
  std::vector<Equation> spoken = find_spoken_equations(reading);
  std::erase_if(spoken, [&equations](const Equation& one) {
    return std::any_of(equations.begin(), equations.end(), [&one](const Equation& other) {
      return one.begin < other.end && other.begin < one.end;
    });
  });
  equations.insert(equations.end(), std::make_move_iterator(spoken.begin()),
                   std::make_move_iterator(spoken.end()));
  std::stable_sort(equations.begin(), equations.end(),
                   [](const Equation& a, const Equation& b) { return a.begin < b.begin; });
  return equations;
}

}  // namespace tpt::filter
