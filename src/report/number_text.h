// Numbers as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tpt::report {

std::string count_text(std::int64_t number);         // "1,234,567"
std::string short_count_text(double number);         // "812", "1.2 k", "250 k", "2 M", "1.4 B"
std::string percent_text(double share);              // "63.3 %"; "–" where not measured
std::string error_text(double share);                // "± 2.1", in percentage points
std::string seconds_text(double seconds);            // "4.2 s", "2 min 3 s", "1 h 5 min"
std::string flops_text(double flops);                // "1.30 × 10¹²"
std::string decimal_text(double value, int digits);  // "–" where not measured

// At most `max_bytes` of the text, cut between characters where it is longer.
std::string_view cut_text(std::string_view text, std::size_t max_bytes);

}  // namespace tpt::report
