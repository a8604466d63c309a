#include "filter/equations.h"

#include "filter/expression.h"
#include "filter/number_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace tpt::filter {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Words before a number that make another number of it.
bool changes_what_follows(std::string_view word) {
  constexpr std::array<std::string_view, 26> kWords = {
      "of",     "log",    "ln",     "sin",     "cos",   "tan", "sqrt", "mod",  "twice",
      "half",   "times",  "plus",   "minus",   "over",  "by",  "than", "root", "cube",
      "double", "triple", "square", "squared", "cubed", "exp", "max",  "min"};
  return word.size() == 1 || std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// Words behind a result that make another number of it: scales and remainders.
bool changes_what_precedes(std::string_view word) {
  constexpr std::array<std::string_view, 26> kWords = {
      "million", "billion", "trillion",   "thousand", "hundred", "dozen",    "mod",
      "modulo",  "rem",     "remainder",  "with",     "times",   "plus",     "minus",
      "over",    "base",    "half",       "halves",   "thirds",  "quarters", "percent",
      "pairs",   "divided", "multiplied", "out",      "of"};
  return word.size() == 1 || std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

std::string_view word_at(std::string_view lower, std::size_t at) {
  std::size_t end = at;
  while (end < lower.size() && is_letter(lower[end])) ++end;
  return lower.substr(at, end - at);
}

std::size_t behind_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '$')) ++at;
  return at;
}

// "3 and a half", "3 and 1/2", "3 in base 5": the word says more about the number.
bool goes_on(std::string_view lower, std::size_t at, std::string_view word) {
  const std::size_t next = behind_spaces(lower, at + word.size());
  const std::string_view then = word_at(lower, next);
  if (word == "and") {
    std::size_t behind = next;
    while (behind < lower.size() && is_digit(lower[behind])) ++behind;
    return (behind > next && lower.substr(behind, 1) == "/") || then == "a" ||
           then == "remainder" || then == "one" || then == "two" || then == "three";
  }
  return word == "in" && (then == "base" || then == "binary" || then == "mod" || then == "hex" ||
                          then == "octal" || then == "hexadecimal");
}

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

// The line that ends at `line_end` leaves a formula open.
bool goes_on_below(std::string_view text, std::size_t line_end) {
  while (line_end > 0 && (text[line_end - 1] == ' ' || text[line_end - 1] == '\n')) --line_end;
  constexpr std::string_view kOpen = "+-*/^_={(}&";
  if (line_end == 0) return false;
  if (text.substr(line_end - std::min<std::size_t>(line_end, 2), 2) == "\\\\") return false;
  return kOpen.find(text[line_end - 1]) != std::string_view::npos;
}

// The next line takes the formula up: "24" and below it "- 4 = 20".
bool is_taken_up(std::string_view text, std::size_t line_end) {
  std::size_t next = line_end;
  while (next < text.size() && (text[next] == ' ' || text[next] == '\n')) ++next;
  const Sign sign = sign_at(text, next);
  constexpr std::string_view kOperators = "+-*/^f(";
  if (sign.kind == 0 || kOperators.find(sign.kind) == std::string_view::npos) return false;
  // The mark of a list item has words behind it.
  const std::size_t behind = behind_spaces(text, next + sign.bytes);
  return behind < text.size() && !is_letter(text[behind]) && text[behind] != '*';
}

// True where the text before a left side leaves its meaning alone.
bool starts_freely(std::string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && (text[before - 1] == ' ' || text[before - 1] == '$')) --before;
  if (before == 0) return true;
  const char c = text[before - 1];
  if (c == '\n') return !goes_on_below(text, before - 1);
  if (is_letter(c)) {
    if (before == at) return false;
    std::size_t start = before;
    while (start > 0 && is_letter(text[start - 1])) --start;
    if (start > 0 && text[start - 1] == '\\') return false;
    std::string word(text.substr(start, before - start));
    for (char& letter : word) letter = static_cast<char>(letter | 0x20);
    // "1 and 1/4" is one number.
    while (start > 0 && text[start - 1] == ' ') --start;
    const bool mixed = word == "and" && start > 0 && is_digit(text[start - 1]);
    return !mixed && !changes_what_follows(word);
  }
  constexpr std::string_view kFree = "\n;([=:>,.!?";
  if (kFree.find(c) == std::string_view::npos) return false;
  // "2:3 + 4", "a.3 + 4" and "1,5 + 2" are other things.
  return before != at || c == '\n' || c == '(' || c == '[' || c == '=' || c == '>';
}

// True where the text behind a right side leaves its meaning alone.
bool ends_freely(std::string_view lower, std::size_t at) {
  if (at >= lower.size()) return true;
  if (lower.substr(at, 3) == "..." || lower.substr(at, 3) == "\xE2\x80\xA6") return false;
  if (is_letter(lower[at]) || static_cast<unsigned char>(lower[at]) >= 0x80U) {
    return lower.substr(at, 3) == "\xE2\x89\x88";
  }
  constexpr std::string_view kNever = "?!:'/\\_|<{[";
  const std::size_t next = behind_spaces(lower, at);
  if (next == lower.size()) return true;
  if (lower[next] == '\n') return !is_taken_up(lower, next);
  if (lower[next] == '(' && next == at) return false;
  if (lower[next] == '\\') {
    constexpr std::array<std::string_view, 10> kFine = {"\\)",    "\\]",     "\\\\",  "\\text{ c",
                                                        "\\quad", "\\appr",  "\\end", "\\righta",
                                                        "\\impl", "\\mathrm"};
    return std::any_of(kFine.begin(), kFine.end(), [&](std::string_view command) {
      return lower.substr(next).starts_with(command);
    });
  }
  if (kNever.find(lower[next]) != std::string_view::npos) return false;
  if (lower[next] == '(' || is_letter(lower[next])) {
    const std::size_t start = lower[next] == '(' ? next + 1 : next;
    const std::string_view word = word_at(lower, start);
    return !word.empty() && !(changes_what_precedes(word) || goes_on(lower, start, word));
  }
  return static_cast<unsigned char>(lower[next]) < 0x80U || lower.substr(next, 2) != "\xC2\xB0";
}

// "3-5" without spaces, the smaller first, may be "from 3 to 5".
bool may_be_range(std::string_view side, const Evaluated& value) {
  return value.operations == 1 && value.value < 0 && side.find('-') != std::string_view::npos &&
         side.find(" -") == std::string_view::npos && side.front() != '-';
}

bool equal(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max({1.0, std::abs(a), std::abs(b)});
}

// As written: a result may be rounded or cut.
bool is_result_of(const Evaluated& left, double value, double rounding, const Evaluated& right) {
  const double off = std::abs(left.value - value);
  const double slack = 2 * (left.slack + right.slack) + 1e-9;
  const bool single = right.operations == 0;
  // "about 5,600" for 5,588.
  if (single && rounding > 0.5 && off <= 0.01 * std::abs(left.value)) return true;
  // "3 + 4 = $7.50": what the pence add was left out before.
  if (single && rounding < 0.5 && left.slack == 0 && off < 1) return true;
  const bool inexact = left.divides || right.divides || left.slack > 0 || right.slack > 0;
  if (!inexact) return false;
  return off <= (single ? 2 * std::min(rounding, 0.5) : 0) + slack ||
         off <= 0.01 * std::abs(left.value);
}

bool holds(const Evaluated& left, const Evaluated& right) {
  if (equal(left.value, right.value) || equal(left.value, right.value * 100)) return true;
  // The start of the next step: "3 + 4 = 7 * 2 = 14".
  if (right.operations > 0 && equal(left.value, right.first)) return true;
  if (right.percent && is_result_of(left, right.value * 100, right.rounding * 100, right))
    return true;
  return is_result_of(left, right.value, right.rounding, right);
}

// Between 3 and 3,000 thousands were left out.
bool differs_in_scale(double a, double b) {
  if (a == 0 || b == 0) return false;
  const double ratio = std::max(std::abs(a / b), std::abs(b / a));
  return equal(ratio, 1e3) || equal(ratio, 1e6) || equal(ratio, 1e9);
}

// "90 / 60 = 1 hour 30 minutes", "20 * 5 = 1 dollar": the result is told in another unit.
bool may_be_converted(std::string_view lower, const Equation& equation) {
  const std::size_t unit = behind_spaces(lower, equation.end);
  const std::string_view word = word_at(lower, unit);
  if (word.empty()) return false;
  const double ratio = equation.right_value == 0 ? 0 : equation.left_value / equation.right_value;
  std::size_t next = behind_spaces(lower, unit + word.size());
  if (word_at(lower, next) == "and") next = behind_spaces(lower, next + 3);
  return ratio < 0.5 || ratio > 2 || (next < lower.size() && is_digit(lower[next]));
}

std::string without_spaces(std::string_view text) {
  std::string result;
  std::copy_if(text.begin(), text.end(), std::back_inserter(result),
               [](char c) { return c != ' ' && c != '$' && c != '&'; });
  return result;
}

std::optional<Equation> equation_of(std::string_view left, std::string_view right) {
  if (left.empty() || right.empty()) return std::nullopt;
  // Boxes on the left hold something's place.
  if (left.find("\\boxed") != std::string_view::npos) return std::nullopt;
  const auto left_value = evaluate(left);
  if (!left_value) return std::nullopt;
  const auto right_value = evaluate(right);
  if (!right_value || left_value->operations + right_value->operations == 0) return std::nullopt;
  if (may_be_range(left, *left_value) || may_be_range(right, *right_value)) return std::nullopt;
  if (left_value->unclear || right_value->unclear ||
      differs_in_scale(left_value->value, right_value->value)) {
    return std::nullopt;
  }
  const bool mirrored = left_value->operations == 0;
  return Equation{
      .left = without_spaces(left),
      .right = without_spaces(right),
      .left_value = left_value->value,
      .right_value = right_value->value,
      .holds = mirrored ? holds(*right_value, *left_value) : holds(*left_value, *right_value)};
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

std::vector<Equation> find_equations(const Reading& reading) {
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

}  // namespace tpt::filter
