// Units between which people convert without a word: "2 hours + 30 minutes = 150 minutes" is true.
#pragma once

#include <string_view>

namespace tpt::filter {

enum class Dimension { none, time, length, mass, money, volume, area, count };

struct MeasureUnit {
  Dimension dimension = Dimension::none;
  int number = 0;  // the same for "hour", "hours" and "hr"
};

// What a word in lower case, or "$", measures; none for other things that are counted.
MeasureUnit measure_unit(std::string_view word);

// True where one value may be the other in another unit: they are 60, 100, 12, ... times each
// other.
bool may_be_conversion(double a, double b);

}  // namespace tpt::filter
