// A chain of one-digit operations modulo 10, worked from left to right.
#pragma once

#include "base/random.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tpt::lab {

struct Step {
  char operation = '+';  // '+', '-' or '*'
  int operand = 0;       // 0 to 9

  bool operator==(const Step&) const = default;
};

struct Chain {
  int start = 0;  // 0 to 9
  std::vector<Step> steps;

  bool operator==(const Chain&) const = default;
};

// What is left of `value operation operand` modulo 10, 0 to 9: 3-7 gives 6.
int apply_step(int value, const Step& step);
int result(const Chain& chain);

// "7-3*4+8": left to right, no precedence.
std::string expression(const Chain& chain);
// The working, one equation a step: "7-3=4 4*4=6 6+8=4".
std::string working(const Chain& chain);
// A digit, then one or more operations with a digit each; nothing for any other text.
std::optional<Chain> parse_expression(std::string_view text);

// A chain of min_steps to max_steps steps, each length and each result equally likely, so that
// guessing gets one in ten whatever digit is guessed.
Chain draw_chain(Random& random, std::int64_t min_steps, std::int64_t max_steps);

}  // namespace tpt::lab
