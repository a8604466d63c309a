#include "report/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tpt::report {
namespace {

constexpr const char* kNothing = "–";

// Three significant digits without zeros at the end: "1.25", "2", "250".
std::string three_digits(double value) {
  std::string text = fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
  }
  return text;
}

}  // namespace

std::string count_text(std::int64_t number) {
  const std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > first && (digits.size() - i) % 3 == 0) {
      text += ',';
    }
    text += digits[i];
  }
  return text;
}

std::string short_count_text(double number) {
  if (!std::isfinite(number)) {
    return kNothing;
  }
  constexpr std::array<const char*, 5> kUnits = {"", " k", " M", " B", " T"};
  std::size_t unit = 0;
  while (std::abs(number) >= 999.5 && unit + 1 < kUnits.size()) {
    number /= 1000;
    ++unit;
  }
  return three_digits(number) + kUnits[unit];
}

std::string percent_text(double share) {
  return std::isfinite(share) ? fmt::format("{:.1f} %", 100 * share) : kNothing;
}

std::string error_text(double share) {
  return std::isfinite(share) ? fmt::format("± {:.1f}", 100 * share) : "";
}

std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds)) {
    return kNothing;
  }
  if (seconds < 59.95) {
    return fmt::format("{} s", three_digits(std::max(0.0, std::round(seconds * 10) / 10)));
  }
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) {
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string flops_text(double flops) {
  if (!std::isfinite(flops)) {
    return kNothing;
  }
  if (flops < 1e6) {
    return fmt::format("{:.0f}", flops);
  }
  const auto exponent = static_cast<int>(std::floor(std::log10(flops)));
  constexpr std::array<const char*, 10> kRaised = {"⁰", "¹", "²", "³", "⁴",
                                                   "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string raised;
  for (char digit : std::to_string(exponent)) {
    raised += kRaised[static_cast<std::size_t>(digit - '0')];
  }
  return fmt::format("{:.2f} × 10{}", flops / std::pow(10.0, exponent), raised);
}

std::string decimal_text(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : kNothing;
}

std::string_view cut_text(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return text;
  }
  std::size_t end = max_bytes;
  while (end > 0 && max_bytes - end < 4 &&
         (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace tpt::report
