#include "filter/equality.h"

#include "filter/expression.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace tpt::filter {

namespace {

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
  if (single && rounding > 0.5 && off < 2 * rounding && off <= 0.01 * std::abs(left.value)) {
    return true;
  }
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

std::string without_spaces(std::string_view text) {
  std::string result;
  std::copy_if(text.begin(), text.end(), std::back_inserter(result),
               [](char c) { return c != ' ' && c != '$' && c != '&'; });
  return result;
}

}  // namespace

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

}  // namespace tpt::filter
