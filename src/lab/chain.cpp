#include "lab/chain.h"

#include "base/error.h"

namespace tpt::lab {

namespace {

constexpr std::string_view kOperations = "+-*";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char digit(int value) { return static_cast<char>('0' + value); }

int draw_digit(Random& random) { return static_cast<int>(random.below(10)); }

}  // namespace

int apply_step(int value, const Step& step) {
  switch (step.operation) {
    case '+':
      return (value + step.operand) % 10;
    case '-':
      return (value - step.operand + 10) % 10;
    case '*':
      return value * step.operand % 10;
    default:
      TPT_CHECK(false, "operation {}", static_cast<int>(step.operation));
  }
}

int result(const Chain& chain) {
  int value = chain.start;
  for (const Step& step : chain.steps) {
    value = apply_step(value, step);
  }
  return value;
}

std::string expression(const Chain& chain) {
  std::string text(1, digit(chain.start));
  for (const Step& step : chain.steps) {
    text += step.operation;
    text += digit(step.operand);
  }
  return text;
}

std::string working(const Chain& chain) {
  std::string text;
  int value = chain.start;
  for (const Step& step : chain.steps) {
    const int next = apply_step(value, step);
    if (!text.empty()) {
      text += ' ';
    }
    text += {digit(value), step.operation, digit(step.operand), '=', digit(next)};
    value = next;
  }
  return text;
}

std::optional<Chain> parse_expression(std::string_view text) {
  if (text.size() < 3 || text.size() % 2 == 0 || !is_digit(text[0])) {
    return std::nullopt;
  }
  Chain chain{.start = text[0] - '0', .steps = {}};
  for (std::size_t i = 1; i < text.size(); i += 2) {
    if (kOperations.find(text[i]) == std::string_view::npos || !is_digit(text[i + 1])) {
      return std::nullopt;
    }
    chain.steps.push_back({.operation = text[i], .operand = text[i + 1] - '0'});
  }
  return chain;
}

Chain draw_chain(Random& random, std::int64_t min_steps, std::int64_t max_steps) {
  const auto lengths = static_cast<std::uint64_t>(max_steps - min_steps + 1);
  const std::int64_t steps = min_steps + static_cast<std::int64_t>(random.below(lengths));
  const int wanted = draw_digit(random);
  // Products favour 0 and even digits. Chains are drawn until one ends on the digit wanted; the
  // rarest comes up once in some twenty draws.
  for (;;) {
    Chain chain{.start = draw_digit(random), .steps = {}};
    for (std::int64_t i = 0; i < steps; ++i) {
      const char operation = kOperations[random.below(kOperations.size())];
      chain.steps.push_back({.operation = operation, .operand = draw_digit(random)});
    }
    if (result(chain) == wanted) {
      return chain;
    }
  }
}

}  // namespace tpt::lab
