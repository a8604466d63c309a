#include "filter/quoted_value.h"

#include "filter/doubt.h"
#include "filter/number_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace tpt::filter {

namespace {

struct Assignment {
  std::string_view name;
  double value = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

bool is_name_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "name = number" around the sign at `at`; the number ends the side.
bool read_assignment(std::string_view text, std::size_t at, Assignment& result) {
  std::size_t end = at;
  while (end > 0 && text[end - 1] == ' ') --end;
  std::size_t begin = end;
  while (begin > 0 && is_name_part(text[begin - 1])) --begin;
  if (begin == end || !is_letter(text[begin])) return false;
  // "2x = 4", "a + x = 4" and "f(x) = 4" say something else.
  std::size_t before = begin;
  while (before > 0 && text[before - 1] == ' ') --before;
  constexpr std::string_view kOperators = "+-*/^=<>\\{_|";
  if (before > 0 && kOperators.find(text[before - 1]) != std::string_view::npos) return false;
  std::size_t start = at + 1;
  while (start < text.size() && text[start] == ' ') ++start;
  const bool negative = start < text.size() && text[start] == '-';
  const auto number = number_at(text, start + (negative ? 1 : 0));
  if (!number) return false;
  std::size_t behind = start + (negative ? 1 : 0) + number->bytes;
  result = {text.substr(begin, end - begin), negative ? -number->value : number->value, begin,
            behind};
  if (behind < text.size() && (is_name_part(text[behind]) || text[behind] == '.')) {
    const bool ends =
        text[behind] == '.' && (behind + 1 == text.size() || !is_name_part(text[behind + 1]));
    if (!ends) return false;
  }
  while (behind < text.size() && text[behind] == ' ') ++behind;
  constexpr std::string_view kGoesOn = "+-*/^(\\_xX%";
  return behind == text.size() || kGoesOn.find(text[behind]) == std::string_view::npos;
}

std::vector<Assignment> assignments_of(std::string_view text) {
  std::vector<Assignment> all;
  for (std::size_t at = text.find('='); at != std::string_view::npos; at = text.find('=', at + 1)) {
    const bool twice = text.substr(at + 1, 1) == "=" || (at > 0 && text[at - 1] == '=');
    Assignment one;
    if (!twice && read_assignment(text, at, one)) all.push_back(one);
  }
  return all;
}

}  // namespace

bool says_it_quotes(std::string_view lower) {
  static const std::vector<std::string_view> kSubjects = {
      "passage",  "text",  "document",  "context",   "problem", "article", "author", "excerpt",
      "question", "table", "statement", "paragraph", "book",    "chapter", "section"};
  static const std::vector<std::string_view> kVerbs = {
      "says",    "states",       "gives",     "tells",    "mentions",  "notes",
      "reports", "claims",       "defines",   "sets",     "specifies", "stated",
      "given",   "according to", "mentioned", "explains", "describes", "writes"};
  return has_any_word(lower, {"we are told", "we are given", "is given as", "given that"}) ||
         (has_any_word(lower, kSubjects) && has_any_word(lower, kVerbs));
}

std::string misquoted_value(const Reading& thinking, const Reading& document) {
  const std::vector<Assignment> said = assignments_of(thinking.text);
  if (said.empty()) return "";
  const std::vector<Assignment> given = assignments_of(document.text);
  for (const Assignment& mine : said) {
    const auto same_name = [&mine](const Assignment& other) { return other.name == mine.name; };
    const auto theirs = std::find_if(given.begin(), given.end(), same_name);
    if (theirs == given.end()) continue;
    const bool one_value = std::all_of(theirs, given.end(), [&](const Assignment& other) {
      return !same_name(other) || other.value == theirs->value;
    });
    if (!one_value || theirs->value == mine.value) continue;
    const Extent sentence = sentence_around(thinking.text, mine.begin);
    const std::string_view lower =
        std::string_view(thinking.lower).substr(sentence.begin, sentence.end - sentence.begin);
    if (says_it_quotes(lower) && !is_doubted(thinking, mine.begin, mine.end, "")) {
      return fmt::format("{}, document: {}",
                         thinking.text.substr(mine.begin, mine.end - mine.begin),
                         document.text.substr(theirs->begin, theirs->end - theirs->begin));
    }
  }
  return "";
}

}  // namespace tpt::filter
