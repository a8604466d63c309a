#include "filter/equation_context.h"

#include "filter/expression.h"

#include <algorithm>
#include <array>
#include <string>

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

// The letters that end at `end`, spaces before it left out, in lower case.
std::string word_before(std::string_view text, std::size_t end) {
  while (end > 0 && text[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0 && is_letter(text[begin - 1])) --begin;
  std::string word(text.substr(begin, end - begin));
  for (char& letter : word) letter = static_cast<char>(letter | 0x20);
  return word;
}

// What may be told as a sum: "a total of 3 + 4".
bool is_amount(std::string_view word) {
  constexpr std::array<std::string_view, 10> kWords = {"total",  "cost",     "amount", "profit",
                                                       "price",  "distance", "weight", "salary",
                                                       "income", "combined"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

// "20 + (5 * 3 = 15", "2(5 * 3 = 15": what the parenthesis at `at` opens belongs to the text
// before.
bool is_joined(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '$')) --at;
  constexpr std::string_view kJoins = "+-*/^=(";
  return at > 0 && (is_digit(text[at - 1]) || kJoins.find(text[at - 1]) != std::string_view::npos);
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

// The line that ends at `line_end` leaves a formula open.
bool goes_on_below(std::string_view text, std::size_t line_end) {
  while (line_end > 0 && (text[line_end - 1] == ' ' || text[line_end - 1] == '\n')) --line_end;
  constexpr std::string_view kOpen = "+-*/^_={(}&";
  if (line_end == 0) return false;
  if (text.substr(line_end - std::min<std::size_t>(line_end, 2), 2) == "\\\\") return false;
  if (kOpen.find(text[line_end - 1]) != std::string_view::npos) return true;
  // "6 \\cdot" and below it "5 = 30".
  const std::size_t command = text.substr(0, line_end).rfind('\\');
  if (command == std::string_view::npos || line_end - command > 8) return false;
  const Sign sign = sign_at(text, command);
  return sign.kind != 0 && kOpen.find(sign.kind) != std::string_view::npos &&
         command + sign.bytes == line_end;
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

}  // namespace

std::string_view word_at(std::string_view lower, std::size_t at) {
  std::size_t end = at;
  while (end < lower.size() && is_letter(lower[end])) ++end;
  return lower.substr(at, end - at);
}

std::size_t behind_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && (text[at] == ' ' || text[at] == '$')) ++at;
  return at;
}

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
    // "a total of 3 + 4", but not "half of 3 + 4".
    if (word == "of") return is_amount(word_before(text, start));
    return !mixed && !changes_what_follows(word);
  }
  if (c == '(' && is_joined(text, before - 1)) return false;
  constexpr std::string_view kFree = "\n;([=:>,.!?";
  if (kFree.find(c) == std::string_view::npos) return false;
  // "2:3 + 4", "a.3 + 4" and "1,5 + 2" are other things.
  return before != at || c == '\n' || c == '(' || c == '[' || c == '=' || c == '>';
}

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

}  // namespace tpt::filter
