// The value of a sum that is written out in plain numbers.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tpt::filter {

struct Evaluated {
  double value = 0;
  double slack = 0;      // how far the value may be off because its numbers were rounded
  int operations = 0;    // 0: a single number
  bool divides = false;  // and so may have been rounded, or cut to a whole number
  double first = 0;      // its first number
  double rounding = 0;   // half a unit in the last place of a single number
  bool percent = false;  // a single number followed by "%"; `value` is then the hundredth
  bool unclear = false;  // "1/2*3", "100 + 20 %": people mean either
};

// Numbers, + - * / ^, their typographic forms, \times \cdot \div \frac, "x" between numbers,
// percent, parentheses. Nothing for any other text, for more than 1e15, and where two ways to read
// it differ.
std::optional<Evaluated> evaluate(std::string_view text);

// The operator, command of LaTeX or sign of layout that starts at `at`. kind is the ASCII operator,
// '(' or ')', 'f' for \frac, ' ' for what has no meaning, 0 for none of these.
struct Sign {
  char kind = 0;
  std::size_t bytes = 0;
};
Sign sign_at(std::string_view text, std::size_t at);

}  // namespace tpt::filter
