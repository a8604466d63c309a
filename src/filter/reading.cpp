#include "filter/reading.h"

#include "filter/byte_lanes.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace tpt::filter {

namespace {

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80U;
}

// "Mr.", "e.g.", "Fig.": the point at `at` belongs to the word.
bool is_abbreviation(std::string_view text, std::size_t at) {
  constexpr std::array<std::string_view, 16> kShort = {"Mr",   "Mrs",    "Ms",  "Dr", "St", "vs",
                                                       "e.g",  "i.e",    "Fig", "No", "cf", "pp",
                                                       "Prof", "approx", "Eq",  "ca"};
  return std::any_of(kShort.begin(), kShort.end(), [&](std::string_view word) {
    if (at < word.size() || text.substr(at - word.size(), word.size()) != word) return false;
    return at == word.size() || !is_letter_or_digit(text[at - word.size() - 1]);
  });
}

// True where the mark at `at` ends a sentence: not "3.14", not "e.g. this".
bool ends_sentence(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '\n') return true;
  if (c == '.' && is_abbreviation(text, at)) return false;
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

// The drawings that stand in problems from mathematical contests.
std::size_t drawing_end(std::string_view text, std::size_t at) {
  return closed_at(text, at, "[asy]", "[/asy]", text.size());
}

std::vector<Extent> find_extents(std::string_view text, bool formulas) {
  const auto starts = table_of(formulas ? "`~[$\\" : "`~[");
  std::vector<Extent> extents;
  for (std::size_t at = find_any(text, starts, 0); at < text.size();
       at = find_any(text, starts, at + 1)) {
    std::size_t end = at;
    if (text[at] == '`' || text[at] == '~') {
      end = code_end(text, at);
    } else if (text[at] == '[') {
      end = drawing_end(text, at);
    } else {
      end = formula_end(text, at);
    }
    if (end == at) continue;
    extents.push_back({at, end});
    at = end - 1;
  }
  return extents;
}

}  // namespace

Reading read_text(std::string_view text) {
  Reading reading{.text = text, .lower = std::string(text.size(), 0), .words = find_words(text)};
  for (std::size_t at = 0; at < text.size(); at += 8) {
    const std::uint64_t lanes = lower_case_lanes(lanes_at(text, at));
    std::memcpy(reading.lower.data() + at, &lanes, std::min<std::size_t>(8, text.size() - at));
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

std::size_t find_any(std::string_view text, const std::array<bool, 256>& table, std::size_t from) {
  const auto is = [&](std::size_t at) { return table[static_cast<unsigned char>(text[at])]; };
  std::size_t at = from;
  while (at + 4 <= text.size()) {
    const unsigned found = unsigned{is(at)} | unsigned{is(at + 1)} << 1U |
                           unsigned{is(at + 2)} << 2U | unsigned{is(at + 3)} << 3U;
    if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found));
    at += 4;
  }
  while (at < text.size() && !is(at)) ++at;
  return at;
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

bool stands_in(const std::vector<Extent>& extents, std::size_t at) {
  const auto behind = std::upper_bound(
      extents.begin(), extents.end(), at,
      [](std::size_t place, const Extent& extent) { return place < extent.begin; });
  return behind != extents.begin() && at < std::prev(behind)->end;
}

std::vector<Extent> code_extents(std::string_view text) { return find_extents(text, false); }

std::vector<Extent> code_and_formula_extents(std::string_view text) {
  return find_extents(text, true);
}

}  // namespace tpt::filter
