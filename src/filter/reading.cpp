#include "filter/reading.h"

#include <algorithm>

namespace tpt::filter {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80U;
}

// True where the mark at `at` ends a sentence: not "3.14", not "e.g.x".
bool ends_sentence(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\n') return true;
  if (c == '.' || c == '!' || c == '?') {
    return at + 1 >= text.size() || text[at + 1] == ' ' || text[at + 1] == '\n' ||
           text[at + 1] == '"' || text[at + 1] == ')';
  }
  return text.substr(at, 3) == "\xE3\x80\x82";
}

// The end of what is opened at `at` by `open` and closed by `close` within `most` bytes; `at` where
// nothing is.
std::size_t closed_at(std::string_view text, std::size_t at, std::string_view open,
                      std::string_view close, std::size_t most) {
  if (text.substr(at, open.size()) != open) return at;
  const std::size_t from = at + open.size();
  const std::size_t found = text.substr(from, most).find(close);
  return found == std::string_view::npos ? at : from + found + close.size();
}

constexpr std::size_t kSpanBytes = 400;      // of inline code or a formula within a line of text
constexpr std::size_t kFormulaBytes = 4000;  // of one that stands alone

std::size_t code_end(std::string_view text, std::size_t at) {
  if (text[at] == '~' || text.substr(at, 3) == "```") {
    if (text.substr(at, 3) != "```" && text.substr(at, 3) != "~~~") return at;
    const std::size_t end =
        closed_at(text, at, text.substr(at, 3), text.substr(at, 3), text.size());
    // A fence that is never closed holds the rest.
    return end == at ? text.size() : end;
  }
  const std::size_t end = closed_at(text, at, "`", "`", kSpanBytes);
  return text.substr(at, end - at).find("\n\n") == std::string_view::npos ? end : at;
}

std::size_t formula_end(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "$$") return closed_at(text, at, "$$", "$$", kFormulaBytes);
  if (text[at] == '$') {
    // "$5 and $7" is money: a formula does not end behind a space.
    const std::size_t end = closed_at(text, at, "$", "$", kSpanBytes);
    const bool is_formula = end > at + 2 && text[at + 1] != ' ' && text[end - 2] != ' ' &&
                            text.substr(at, end - at).find("\n\n") == std::string_view::npos;
    return is_formula ? end : at;
  }
  if (text.substr(at, 2) == "\\(") return closed_at(text, at, "\\(", "\\)", kFormulaBytes);
  if (text.substr(at, 2) == "\\[") return closed_at(text, at, "\\[", "\\]", kFormulaBytes);
  return at;
}

std::vector<Extent> find_extents(std::string_view text, bool formulas) {
  std::vector<Extent> extents;
  const char* const starts = formulas ? "`~$\\" : "`~";
  for (std::size_t at = text.find_first_of(starts); at != std::string_view::npos;) {
    std::size_t end = at;
    if (text[at] == '`' || text[at] == '~') {
      end = code_end(text, at);
    } else {
      end = formula_end(text, at);
    }
    if (end > at) extents.push_back({at, end});
    at = text.find_first_of(starts, std::max(end, at + 1));
  }
  return extents;
}

}  // namespace

Reading read_text(std::string_view text) {
  Reading reading{.text = text, .lower = std::string(text), .words = find_words(text)};
  for (char& c : reading.lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  }
  return reading;
}

Extent sentence_around(std::string_view text, std::size_t at) {
  constexpr std::size_t kMost = 2000;  // no longer sentence is worth looking at
  Extent extent{at, std::min(at, text.size())};
  const std::size_t first = at > kMost ? at - kMost : 0;
  while (extent.begin > first && !ends_sentence(text, extent.begin - 1)) --extent.begin;
  const std::size_t last = std::min(text.size(), at + kMost);
  while (extent.end < last && !ends_sentence(text, extent.end)) ++extent.end;
  extent.end = std::min(extent.end + 1, text.size());
  return extent;
}

bool has_any_word(std::string_view lower, const std::vector<std::string_view>& words) {
  return std::any_of(words.begin(), words.end(), [lower](std::string_view word) {
    for (std::size_t at = lower.find(word); at != std::string_view::npos;
         at = lower.find(word, at + 1)) {
      const std::size_t end = at + word.size();
      const bool starts = at == 0 || !is_letter_or_digit(lower[at - 1]);
      if (starts && (end == lower.size() || !is_letter_or_digit(lower[end]))) return true;
    }
    return false;
  });
}

std::vector<Extent> code_extents(std::string_view text) { return find_extents(text, false); }

std::vector<Extent> code_and_formula_extents(std::string_view text) {
  return find_extents(text, true);
}

}  // namespace tpt::filter
