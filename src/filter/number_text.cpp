#include "filter/number_text.h"

#include <cmath>

namespace tpt::filter {

namespace {

bool is_digit(std::string_view text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (is_digit(text, at + count)) ++count;
  return count;
}

// "{,}" and ",\\!" are how LaTeX writes a comma without the space behind it.
std::size_t comma_bytes(std::string_view text, std::size_t at) {
  if (text.substr(at, 3) == "{,}" || text.substr(at, 3) == ",\\!") return 3;
  return text.substr(at, 1) == "," ? 1 : 0;
}

constexpr std::size_t kMostDigits = 15;  // what a double holds exactly

}  // namespace

std::optional<WrittenNumber> number_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  std::size_t digits = 0;
  WrittenNumber number;
  const auto take = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      number.value = number.value * 10 + (text[end + i] - '0');
    end += count;
    digits += count;
  };
  const std::size_t first = digits_at(text, at);
  if (first > kMostDigits || (first > 1 && text[at] == '0')) return std::nullopt;
  take(first);
  while (first >= 1 && first <= 3) {
    const std::size_t comma = comma_bytes(text, end);
    if (comma == 0 || !is_digit(text, end + comma)) break;
    if (digits_at(text, end + comma) != 3 || number.value == 0 || digits + 3 > kMostDigits) {
      return std::nullopt;
    }
    end += comma;
    take(3);
  }
  if (first > 3 && text.substr(end, 1) == "," && is_digit(text, end + 1)) return std::nullopt;
  if (text.substr(end, 1) == "." && is_digit(text, end + 1)) {
    ++end;
    const std::size_t decimals = digits_at(text, end);
    if (digits + decimals > kMostDigits) return std::nullopt;
    take(decimals);
    number.decimals = static_cast<int>(decimals);
    number.value /= std::pow(10.0, number.decimals);
    const char next = end < text.size() ? text[end] : ' ';
    if ((next == '.' || next == ',') && is_digit(text, end + 1)) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  number.bytes = end - at;
  return number;
}

double rounding_of(const WrittenNumber& number) {
  if (number.decimals > 0) return 0.5 * std::pow(10.0, -number.decimals);
  double unit = 1;
  while (number.value != 0 && unit < 1e15 && std::fmod(number.value, unit * 10) == 0) unit *= 10;
  return 0.5 * unit;
}

}  // namespace tpt::filter
