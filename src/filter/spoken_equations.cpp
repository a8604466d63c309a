#include "filter/spoken_equations.h"

#include "filter/equality.h"
#include "filter/equation_context.h"
#include "filter/measure_units.h"
#include "filter/number_text.h"
#include "filter/spoken_side.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tpt::filter {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

// Where the left side ends, if what stands before the number at `number` says that it is its
// result; npos where it does not.
std::size_t end_of_left_side(std::string_view lower, std::size_t number) {
  std::size_t at = number;
  const auto skip = [&] {
    while (at > 0 && (lower[at - 1] == ' ' || lower[at - 1] == '$')) --at;
  };
  skip();
  if (at > 0 && lower[at - 1] == '=') {
    constexpr std::string_view kOther = "=<>!:+-*/%&|^~";
    const bool equality = at < 2 || kOther.find(lower[at - 2]) == std::string_view::npos;
    return equality ? at - 1 : std::string_view::npos;
  }
  const auto take = [&](std::string_view word) {
    skip();
    const std::size_t begin = at - std::min(at, word.size());
    const bool whole =
        lower.substr(begin, at - begin) == word && (begin == 0 || !is_letter(lower[begin - 1]));
    if (whole) at = begin;
    return whole;
  };
  constexpr std::array<std::string_view, 8> kVerbs = {"is",    "are",  "equals", "gives",
                                                      "makes", "make", "give",   "leaves"};
  if (at == number) return std::string_view::npos;
  if (take("to")) {
    if (take("comes") || take("come")) return at;
    return take("equal") && (take("is") || take("are")) ? at : std::string_view::npos;
  }
  return std::any_of(kVerbs.begin(), kVerbs.end(), take) ? at : std::string_view::npos;
}

struct Result {
  std::string_view written;
  std::vector<MeasureUnit> units;
  std::size_t end = 0;
};

bool starts_operation(std::string_view rest) {
  constexpr auto kStarts = std::to_array<std::string_view>(
      {"+", "-", "*", "/", "x ", "\xC3\x97", "\xC3\xB7", "\xE2\x88\x92", "\xE2\x80\x93", "times",
       "plus", "minus", "divided"});
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [rest](std::string_view start) { return rest.starts_with(start); });
}

// The number at `at` as a whole side: nothing where what follows goes on with it.
std::optional<Result> result_at(std::string_view lower, std::size_t at) {
  const auto number = number_at(lower, at);
  if (!number) return std::nullopt;
  Result result{.end = at + number->bytes};
  if (at > 0 && lower[at - 1] == '$') result.units.push_back(measure_unit("$"));
  if (lower.substr(result.end, 1) == "%") ++result.end;
  if (lower.substr(result.end, 8) == " percent") return std::nullopt;
  result.written = lower.substr(at, result.end - at);
  std::size_t next = result.end;
  if (lower.substr(next, 1) == "/") {
    const std::string_view word = word_at(lower, next + 1);
    if (word.size() < 2) return std::nullopt;  // "24/y"
    next += 1 + word.size();
  } else if (!ends_freely(lower, result.end)) {
    return std::nullopt;
  }
  constexpr int kMostWords = 4;
  for (int words = 0; words < kMostWords; ++words) {
    const std::size_t begin = behind_spaces(lower, next);
    const std::string_view word = word_at(lower, begin);
    if (word == "more" || word == "less" || word == "fewer" || word == "short") return std::nullopt;
    if (word.empty() || is_no_unit(word)) break;
    if (const MeasureUnit unit = measure_unit(word); unit.dimension != Dimension::none) {
      result.units.push_back(unit);
    }
    next = begin + word.size();
    if (lower.substr(next, 1) == "/") ++next;
  }
  next = behind_spaces(lower, next);
  if (word_at(lower, next) == "and") next = behind_spaces(lower, next + 3);
  // "= 3 * 4", "is 1 hour 30 minutes", "is 7 and 2 more".
  const bool goes_on = next < lower.size() && next > result.end && is_digit(lower[next]);
  if (goes_on || starts_operation(lower.substr(next))) return std::nullopt;
  return result;
}

// Two units of one kind, which may have been made one on the way.
bool mixes_units(const SpokenSide& left, const Result& right) {
  std::vector<MeasureUnit> units = left.units;
  units.insert(units.end(), right.units.begin(), right.units.end());
  return std::any_of(units.begin(), units.end(), [&units](const MeasureUnit& one) {
    return std::any_of(units.begin(), units.end(), [&one](const MeasureUnit& other) {
      return one.dimension == other.dimension && one.number != other.number;
    });
  });
}

std::optional<Equation> spoken_equation(std::string_view lower, std::size_t number) {
  const std::size_t end = end_of_left_side(lower, number);
  if (end == std::string_view::npos) return std::nullopt;
  const auto right = result_at(lower, number);
  if (!right) return std::nullopt;
  const auto left = spoken_side_before(lower, end);
  if (!left || left->operations == 0) return std::nullopt;
  // "3 plus 4 times 2", "half of 6 + 2": what belongs together is heard, not written.
  const bool open = left->in_words && left->adds && left->multiplies;
  if (open || (left->has_share && left->operations > 1)) return std::nullopt;
  // "Since 1/4 of it is 40": the fraction is a part of something.
  const bool fraction = left->signs.find('/') != std::string::npos && !left->in_words;
  if (fraction && !left->has_share && lower[end] != '=') return std::nullopt;
  // "100 + 20 %" adds a share of it.
  if (left->adds && left->has_percent && right->written.back() != '%') return std::nullopt;
  auto equation = equation_of(left->signs, right->written);
  if (!equation) return std::nullopt;
  const bool unit_of_its_own = !right->units.empty() && left->units.empty();
  if (!equation->holds && (mixes_units(*left, *right) || unit_of_its_own) &&
      (left->adds || may_be_conversion(equation->left_value, equation->right_value))) {
    return std::nullopt;
  }
  equation->begin = left->begin;
  equation->end = right->end;
  return equation;
}

}  // namespace

std::vector<Equation> find_spoken_equations(const Reading& reading) {
  const std::string_view lower = reading.lower;
  std::vector<Equation> equations;
  std::optional<std::vector<Extent>> code;
  for (const Word& word : reading.words) {
    if (!is_digit(lower[word.begin])) continue;
    // The digits behind a point or a comma are no number of their own.
    if (word.begin > 0 && (lower[word.begin - 1] == '.' || lower[word.begin - 1] == ',')) continue;
    auto equation = spoken_equation(lower, word.begin);
    if (!equation) continue;
    if (!code) code = code_extents(reading.text);
    if (!stands_in(*code, word.begin)) equations.push_back(std::move(*equation));
  }
  return equations;
}

}  // namespace tpt::filter
