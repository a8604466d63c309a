#include "filter/arithmetic.h"

#include "filter/doubt.h"
#include "filter/equations.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace tpt::filter {

namespace {

// Where numbers are added and multiplied by other rules.
bool has_other_arithmetic(std::string_view lower) {
  return has_any_word(lower, {"mod",
                              "modulo",
                              "modular",
                              "modulus",
                              "congruent",
                              "congruence",
                              "binary",
                              "hexadecimal",
                              "octal",
                              "xor",
                              "boolean",
                              "bitwise",
                              "bases",
                              "base 2",
                              "base 8",
                              "base 16",
                              "base two",
                              "clock arithmetic",
                              "finite field",
                              "galois",
                              "integer division",
                              "floor division",
                              "overflow",
                              "remainder",
                              "two plus two",
                              "tropical",
                              "numerology"});
}

bool is_corrected(const std::vector<Equation>& equations, const Equation& wrong) {
  return std::any_of(equations.begin(), equations.end(), [&wrong](const Equation& other) {
    return other.holds && other.left == wrong.left;
  });
}

bool stands_in(const std::vector<Equation>& equations, const Equation& wrong) {
  return std::any_of(equations.begin(), equations.end(), [&wrong](const Equation& other) {
    return other.left == wrong.left && other.right == wrong.right;
  });
}

}  // namespace

std::string false_arithmetic(const Reading& thinking, const Reading& document) {
  constexpr int kMostWrong = 32;  // looked at: a text of nothing else costs no more
  const std::vector<Equation> equations = find_equations(thinking);
  int looked_at = 0;
  std::vector<Equation> of_document;
  for (const Equation& equation : equations) {
    if (equation.holds || looked_at == kMostWrong) continue;
    if (looked_at++ == 0) {
      if (has_other_arithmetic(thinking.lower) || has_other_arithmetic(document.lower)) return "";
      of_document = find_equations(document);
    }
    if (is_corrected(equations, equation) || stands_in(of_document, equation) ||
        is_doubted_arithmetic(thinking, equation.begin, equation.end)) {
      continue;
    }
    return fmt::format("{}={} ({:.10g} and {:.10g})", equation.left, equation.right,
                       equation.left_value, equation.right_value);
  }
  return "";
}

}  // namespace tpt::filter
