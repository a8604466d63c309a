#include "filter/expression.h"

#include "filter/number_text.h"

#include <array>
#include <cmath>

namespace tpt::filter {

namespace {

constexpr double kMostValue = 1e15;

struct Spelling {
  std::string_view text;
  char kind;
};

constexpr auto kSpellings = std::to_array<Spelling>({
    {"\xC3\x97", '*'},     {"\xC3\xB7", '/'},     {"\xC2\xB7", '*'},     {"\xE2\x8B\x85", '*'},
    {"\xE2\x88\x92", '-'}, {"\xE2\x88\x97", '*'}, {"\xE2\x88\x99", '*'}, {"\\times", '*'},
    {"\\cdot", '*'},       {"\\div", '/'},        {"\\frac", 'f'},       {"\\dfrac", 'f'},
    {"\\tfrac", 'f'},      {"\\left", ' '},       {"\\right", ' '},      {"\\%", '%'},
    {"\\$", ' '},          {"\\,", ' '},          {"\\;", ' '},          {"\\!", ' '},
    {"\\:", ' '},          {"\\ ", ' '},          {"\\boxed", ' '},      {"**", '^'},
    {"\xC2\xA0", ' '},     {"\xE2\x82\xAC", ' '},
});

// What a sign may begin with: 's' for the first byte of a spelling, else the kind of the sign that
// the byte alone is, 0 for none. Most bytes of a text are none.
constexpr std::array<char, 256> kBeginnings = [] {
  std::array<char, 256> kinds{};
  for (const char plain : std::string_view("+-*/^%x")) {
    kinds[static_cast<unsigned char>(plain)] = plain;
  }
  for (const char open : std::string_view("({")) kinds[static_cast<unsigned char>(open)] = '(';
  for (const char close : std::string_view(")}")) kinds[static_cast<unsigned char>(close)] = ')';
  for (const char layout : std::string_view(" $&")) kinds[static_cast<unsigned char>(layout)] = ' ';
  for (const Spelling& spelling : kSpellings) {
    kinds[static_cast<unsigned char>(spelling.text[0])] = 's';
  }
  return kinds;
}();

bool is_letter(std::string_view text, std::size_t at) {
  return at < text.size() &&
         ((text[at] >= 'a' && text[at] <= 'z') || (text[at] >= 'A' && text[at] <= 'Z'));
}

// "x" as in "3 x 4" or "3x4": a number or parenthesis on both sides.
bool is_cross(std::string_view text, std::size_t at) {
  if (text[at] != 'x') return false;
  std::size_t before = at;
  while (before > 0 && text[before - 1] == ' ') --before;
  std::size_t behind = at + 1;
  while (behind < text.size() && (text[behind] == ' ' || text[behind] == '$')) ++behind;
  const auto is_number_end = [](char c) { return (c >= '0' && c <= '9') || c == ')'; };
  return before > 0 && behind < text.size() && is_number_end(text[before - 1]) &&
         text[behind] >= '0' && text[behind] <= '9' && !(before == at && text[before - 1] == '0');
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { skip(); }

  std::optional<Evaluated> whole() {
    Evaluated result = sum(0);
    skip();
    const bool good = good_ && at_ == text_.size() && std::abs(result.value) < kMostValue &&
                      std::isfinite(result.value);
    if (!good) return std::nullopt;
    result.first = first_;
    return result;
  }

 private:
  static constexpr int kMostDepth = 40;

  void skip() {
    for (Sign sign = sign_at(text_, at_); sign.kind == ' '; sign = sign_at(text_, at_)) {
      at_ += sign.bytes;
    }
  }

  bool take(char kind) {
    skip();
    const Sign sign = sign_at(text_, at_);
    if (sign.kind != kind) return false;
    at_ += sign.bytes;
    return true;
  }

  Evaluated fail() {
    good_ = false;
    at_ = text_.size();
    return {};
  }

  static Evaluated joined(const Evaluated& a, const Evaluated& b, double value, double slack) {
    return {.value = value,
            .slack = slack,
            .operations = a.operations + b.operations + 1,
            .divides = a.divides || b.divides,
            .unclear = a.unclear || b.unclear};
  }

  Evaluated sum(int depth) {
    if (depth > kMostDepth) return fail();
    Evaluated left = product(depth);
    const bool percent = left.percent;
    while (good_) {
      const double sign = take('+') ? 1 : take('-') ? -1 : 0;
      if (sign == 0) break;
      const Evaluated right = product(depth);
      left = joined(left, right, left.value + sign * right.value, left.slack + right.slack);
      // "100 + 20 %" may add a share of it.
      left.unclear |= right.percent != percent;
    }
    return left;
  }

  Evaluated product(int depth) {
    Evaluated left = signed_power(depth);
    bool divided = false;
    while (good_) {
      const bool touches =
          at_ < text_.size() && text_[at_] == '(' && at_ > 0 && text_[at_ - 1] != ' ';
      if (take('*') || touches) {
        left = times(left, signed_power(depth));
        left.unclear |= divided;
      } else if (take('/')) {
        if (divided) return fail();
        left = over(left, signed_power(depth));
        divided = true;
      } else {
        break;
      }
    }
    return left;
  }

  static Evaluated times(const Evaluated& a, const Evaluated& b) {
    return joined(a, b, a.value * b.value,
                  std::abs(a.value) * b.slack + std::abs(b.value) * a.slack);
  }

  Evaluated over(const Evaluated& a, const Evaluated& b) {
    if (b.value == 0) return fail();
    const double value = a.value / b.value;
    Evaluated result =
        joined(a, b, value, (a.slack + std::abs(value) * b.slack) / std::abs(b.value));
    result.divides = true;
    return result;
  }

  Evaluated signed_power(int depth) {
    if (depth > kMostDepth) return fail();
    if (take('-')) {
      Evaluated operand = signed_power(depth + 1);
      operand.value = -operand.value;
      return operand;
    }
    Evaluated base = atom(depth);
    if (!good_ || !take('^')) return base;
    const Evaluated exponent = signed_power(depth + 1);
    if (!good_ || exponent.value != std::floor(exponent.value) || std::abs(exponent.value) > 64) {
      return fail();
    }
    const double value = std::pow(base.value, exponent.value);
    const double relative = base.value == 0 ? 0 : base.slack / std::abs(base.value);
    Evaluated result = joined(base, exponent, value, std::abs(value * exponent.value) * relative);
    result.divides = base.divides || exponent.value < 0;
    return result;
  }

  Evaluated group(int depth) {
    if (!take('(')) return fail();
    Evaluated inside = sum(depth + 1);
    if (!take(')')) return fail();
    inside.percent = false;
    return inside;
  }

  Evaluated atom(int depth) {
    skip();
    if (take('f')) {
      const Evaluated top = group(depth + 1);
      return good_ ? over(top, group(depth + 1)) : top;
    }
    if (sign_at(text_, at_).kind == '(') return group(depth + 1);
    const auto number = number_at(text_, at_);
    if (!number) return fail();
    at_ += number->bytes;
    // A second number right behind the first: a mixed number, a list, a row of a table.
    skip();
    if (number_at(text_, at_)) return fail();
    if (first_unset_) first_ = number->value;
    first_unset_ = false;
    Evaluated result{.value = number->value, .rounding = rounding_of(*number)};
    if (number->decimals > 0) result.slack = result.rounding;
    if (take('%')) {
      // "17 % 5" is a remainder somewhere, a percentage elsewhere.
      if (number_at(text_, at_ < text_.size() && text_[at_] == ' ' ? at_ + 1 : at_)) return fail();
      result.percent = true;
      result.value /= 100;
      result.slack /= 100;
      result.rounding /= 100;
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool good_ = true;
  double first_ = 0;
  bool first_unset_ = true;
};

}  // namespace

namespace {

Sign spelled_sign_at(std::string_view text, std::size_t at) {
  for (const Spelling& spelling : kSpellings) {
    // Two bytes tell nearly all of them apart.
    if (spelling.text[0] != text[at] || at + 1 >= text.size() || spelling.text[1] != text[at + 1] ||
        text.substr(at, spelling.text.size()) != spelling.text) {
      continue;
    }
    // "\left" is not "\leftarrow", but "\times3" is fine.
    if (spelling.text[0] == '\\' && is_letter(spelling.text, 1) &&
        is_letter(text, at + spelling.text.size())) {
      continue;
    }
    return {spelling.kind, spelling.text.size()};
  }
  return text[at] == '*' ? Sign{'*', 1} : Sign{};
}

}  // namespace

Sign sign_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  const char kind = kBeginnings[static_cast<unsigned char>(text[at])];
  switch (kind) {
    case 0:
      return {};
    case 's':
      return spelled_sign_at(text, at);
    case 'x':
      return is_cross(text, at) ? Sign{'*', 1} : Sign{};
    default:
      return {kind, 1};
  }
}

std::optional<Evaluated> evaluate(std::string_view text) { return Parser(text).whole(); }

}  // namespace tpt::filter
