#include "augment/figure_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tpt::augment {

std::string grouped(std::int64_t count) {
  const std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  std::string text;
  for (std::size_t at = 0; at < digits.size(); ++at) {
    if (at > first && (digits.size() - at) % 3 == 0) text += ',';
    text += digits[at];
  }
  return text;
}

std::string short_count(double count) {
  constexpr std::array<const char*, 5> kUnits = {"", "k", "M", "G", "T"};
  if (!std::isfinite(count)) return "?";
  std::size_t unit = 0;
  // 999.95 and above would be shown as 1000.0 of the smaller unit.
  while (unit + 1 < kUnits.size() && std::abs(count) >= (unit == 0 ? 9999.5 : 999.95)) {
    count /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", count);
  return fmt::format("{:.{}f}{}", count, std::abs(count) < 9.995 ? 2 : 1, kUnits.at(unit));
}

std::string share_text(double share) {
  const double percent = share * 100;
  return fmt::format("{:.{}f} %", percent, percent != 0 && std::abs(percent) < 0.995 ? 2 : 1);
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e11) return "?";
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 86400) return fmt::format("{}d{:02}h", whole / 86400, whole / 3600 % 24);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string money_text(double amount) {
  if (!std::isfinite(amount)) return "?";
  if (std::abs(amount) >= 9999.5 && std::abs(amount) < 1e18) return grouped(std::llround(amount));
  if (amount != 0 && std::abs(amount) < 0.995) return fmt::format("{:.4f}", amount);
  return fmt::format("{:.2f}", amount);
}

std::string without_secrets(std::string_view endpoint) {
  std::string shown(endpoint.substr(0, endpoint.find_first_of("?#")));
  const std::size_t scheme = shown.find("://");
  if (scheme == std::string::npos) return shown;
  const std::size_t host = scheme + 3;
  const std::size_t path = std::min(shown.find('/', host), shown.size());
  const std::size_t user = shown.substr(0, path).rfind('@');
  if (user != std::string::npos && user >= host) shown.erase(host, user + 1 - host);
  return shown;
}

}  // namespace tpt::augment
