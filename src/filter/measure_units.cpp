#include "filter/measure_units.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tpt::filter {

namespace {

struct Spelled {
  std::string_view word;
  MeasureUnit unit;
};

using enum Dimension;

constexpr auto kUnits = std::to_array<Spelled>({
    {"second", {time, 1}},       {"sec", {time, 1}},          {"minute", {time, 2}},
    {"min", {time, 2}},          {"hour", {time, 3}},         {"hr", {time, 3}},
    {"day", {time, 4}},          {"week", {time, 5}},         {"month", {time, 6}},
    {"year", {time, 7}},         {"decade", {time, 8}},       {"century", {time, 9}},
    {"centurie", {time, 9}},     {"am", {time, 10}},          {"pm", {time, 10}},
    {"mm", {length, 1}},         {"cm", {length, 2}},         {"centimeter", {length, 2}},
    {"centimetre", {length, 2}}, {"m", {length, 3}},          {"meter", {length, 3}},
    {"metre", {length, 3}},      {"km", {length, 4}},         {"kilometer", {length, 4}},
    {"kilometre", {length, 4}},  {"inch", {length, 5}},       {"inche", {length, 5}},
    {"foot", {length, 6}},       {"feet", {length, 6}},       {"yard", {length, 7}},
    {"mile", {length, 8}},       {"millimeter", {length, 1}}, {"block", {length, 9}},
    {"lap", {length, 10}},       {"mg", {mass, 1}},           {"g", {mass, 2}},
    {"gram", {mass, 2}},         {"kg", {mass, 3}},           {"kilogram", {mass, 3}},
    {"kilo", {mass, 3}},         {"ounce", {mass, 4}},        {"oz", {mass, 4}},
    {"pound", {mass, 5}},        {"lb", {mass, 5}},           {"ton", {mass, 6}},
    {"tonne", {mass, 6}},        {"cent", {money, 1}},        {"penny", {money, 1}},
    {"pennie", {money, 1}},      {"pence", {money, 1}},       {"nickel", {money, 2}},
    {"dime", {money, 3}},        {"quarter", {money, 4}},     {"dollar", {money, 5}},
    {"$", {money, 5}},           {"buck", {money, 5}},        {"euro", {money, 6}},
    {"bill", {money, 7}},        {"ml", {volume, 1}},         {"milliliter", {volume, 1}},
    {"liter", {volume, 2}},      {"litre", {volume, 2}},      {"l", {volume, 2}},
    {"cup", {volume, 3}},        {"pint", {volume, 4}},       {"quart", {volume, 5}},
    {"gallon", {volume, 6}},     {"tablespoon", {volume, 7}}, {"teaspoon", {volume, 8}},
    {"tbsp", {volume, 7}},       {"tsp", {volume, 8}},        {"bottle", {volume, 9}},
    {"acre", {area, 1}},         {"hectare", {area, 2}},      {"square", {area, 3}},
    {"sq", {area, 3}},           {"pair", {count, 1}},        {"dozen", {count, 2}},
    {"pack", {count, 3}},        {"box", {count, 4}},         {"boxe", {count, 4}},
    {"case", {count, 5}},        {"set", {count, 6}},         {"couple", {count, 1}},
    {"percent", {count, 7}},     {"half", {count, 8}},        {"halve", {count, 8}},
    {"third", {count, 8}},       {"degree", {count, 9}},      {"radian", {count, 10}},
    {"piece", {count, 11}},      {"slice", {count, 12}},      {"bag", {count, 13}},
    {"roll", {count, 14}},       {"point", {count, 15}},      {"byte", {count, 16}},
    {"bit", {count, 17}},        {"kb", {count, 18}},         {"mb", {count, 19}},
    {"gb", {count, 20}},
});

constexpr std::array<double, 38> kFactors = {
    2,  3,  4,  5,  6,  7,  8,   10,  12,  14,  16,  20,  24,   25,   28,   30,   31,   32,   36,
    48, 50, 52, 60, 64, 90, 100, 128, 180, 360, 365, 366, 1000, 1024, 1440, 1760, 2000, 3600, 5280};

}  // namespace

MeasureUnit measure_unit(std::string_view word) {
  if (word.size() > 2 && word.ends_with('s')) word.remove_suffix(1);
  const auto found = std::find_if(kUnits.begin(), kUnits.end(),
                                  [word](const Spelled& unit) { return unit.word == word; });
  return found == kUnits.end() ? MeasureUnit{} : found->unit;
}

bool may_be_conversion(double a, double b) {
  if (a == 0 || b == 0) return false;
  const double ratio = std::max(std::abs(a / b), std::abs(b / a));
  return std::any_of(kFactors.begin(), kFactors.end(),
                     [ratio](double factor) { return std::abs(ratio - factor) <= 1e-6 * factor; });
}

}  // namespace tpt::filter
