// Numbers as people write them in running text.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tpt::filter {

struct WrittenNumber {
  double value = 0;
  std::size_t bytes = 0;
  int decimals = 0;  // digits behind the point
};

// The number that starts at `at`: "12", "3.14", "1,234,567.8", ".5". Nothing for what may mean
// something else: "1,5", "007", "1.2.3", or more than 15 digits.
std::optional<WrittenNumber> number_at(std::string_view text, std::size_t at);

// Half a unit in the last digit that was written; of "1200" the last digit that is not 0.
double rounding_of(const WrittenNumber& number);

}  // namespace tpt::filter
