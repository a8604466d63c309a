// Numbers as a person reads them, the same in the live view and on the dataset card.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tpt::augment {

std::string grouped(std::int64_t count);    // "1,234,567"
std::string short_count(double count);      // "512", "12.3k", "4.56M", "1.20G"
std::string share_text(double share);       // of 1: "0.03 %", "12.4 %"
std::string duration_text(double seconds);  // "42s", "3m07s", "5h12m", "3d04h"
std::string money_text(double amount);      // "0.0042", "12.34", "12,345"

// An endpoint's name without what may be a secret: user and password before the host, and the
// query behind the path.
std::string without_secrets(std::string_view endpoint);

}  // namespace tpt::augment
