// How many tokens the thinking saves: the data-efficiency ratio.
//
// Definition. ratio(L) = tokens that vanilla training needs to reach accuracy L / tokens that TPT
// needs to reach it, both counted in tokens trained on (documents, thinking and tags alike). An
// arm's need is where its mean accuracy first crosses L, interpolated linearly in accuracy over the
// logarithm of the tokens between the two neighbouring budgets. The reference level is half-way
// between chance and the best accuracy that either arm reached: one rule for both arms, so the
// ratio is above 1 where TPT needs fewer tokens and below 1 where vanilla does. Where an arm never
// reaches L, its largest budget is a lower bound and the ratio is "> x, not reached" (or "< x, not
// reached" for TPT); where it was there at its smallest budget, that budget is an upper bound.
// Nothing is extrapolated. If the better arm's best is not above chance by two of its standard
// errors there is no ratio: "not measurable".
#pragma once

#include "base/json.h"
#include "report/statistics.h"

#include <optional>
#include <string>
#include <vector>

namespace tpt::report {

// The tokens an arm needs for a level.
struct Need {
  enum class Kind { exact, at_most, more_than };
  Kind kind = Kind::exact;
  double tokens = 0;
};

Need tokens_needed(const std::vector<CurvePoint>& curve, double level);

// A ratio that was measured, bounded, or neither.
struct Ratio {
  enum class Kind { exact, above, below, not_measurable };
  Kind kind = Kind::not_measurable;
  double value = 0;          // the ratio or its bound
  bool not_reached = false;  // an arm never came to the level
  std::string why;           // for not_measurable
};

// "3.2", "> 8, not reached", "< 0.5", "not measurable".
std::string to_text(const Ratio& ratio);
// A number where exact, else to_text().
Json to_json(const Ratio& ratio);

struct Rung {
  double level = 0;  // accuracy
  std::optional<Need> vanilla, tpt;
  Ratio ratio;
};

struct Efficiency {
  Ratio ratio;       // at the reference level
  double level = 0;  // the reference level; 0 where not measurable
  // A quarter, half, three quarters and all of the way from chance to the best accuracy.
  std::vector<Rung> ladder;
  // The ratio of each seed that both arms ran, at the same level.
  std::vector<Ratio> by_seed;
};

// Of the arms "vanilla" and "tpt".
Efficiency data_efficiency(const ExperimentPart& experiment);

// The definition above in words for the page.
std::string efficiency_definition();

}  // namespace tpt::report
