#include "report/efficiency.h"

#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace tpt::report {
namespace {

Ratio not_measurable(std::string why) {
  Ratio ratio;
  ratio.why = std::move(why);
  return ratio;
}

Ratio ratio_of(const Need& vanilla, const Need& tpt) {
  using Kind = Need::Kind;
  Ratio ratio;
  ratio.value = vanilla.tokens / tpt.tokens;
  ratio.not_reached = vanilla.kind == Kind::more_than || tpt.kind == Kind::more_than;
  // Each side pushes the ratio one way: a vanilla need that is larger, or a TPT need that is
  // smaller, than the tokens given makes it larger.
  const bool may_be_larger = vanilla.kind == Kind::more_than || tpt.kind == Kind::at_most;
  const bool may_be_smaller = vanilla.kind == Kind::at_most || tpt.kind == Kind::more_than;
  if (may_be_larger && may_be_smaller) {
    return not_measurable(ratio.not_reached ? "neither arm reached the level"
                                            : "both arms were there at their smallest budget");
  }
  ratio.kind = may_be_larger    ? Ratio::Kind::above
               : may_be_smaller ? Ratio::Kind::below
                                : Ratio::Kind::exact;
  return ratio;
}

const CurvePoint& best_of(const std::vector<CurvePoint>& points) {
  return *std::max_element(
      points.begin(), points.end(),
      [](const CurvePoint& a, const CurvePoint& b) { return a.accuracy < b.accuracy; });
}

std::vector<Ratio> ratios_by_seed(const ExperimentPart& experiment, double level) {
  std::set<std::int64_t> seeds;
  for (const RunPoint& run : experiment.runs) {
    seeds.insert(run.seed);
  }
  std::vector<Ratio> ratios;
  for (std::int64_t seed : seeds) {
    std::vector<RunPoint> runs;
    std::copy_if(experiment.runs.begin(), experiment.runs.end(), std::back_inserter(runs),
                 [&](const RunPoint& run) { return run.seed == seed; });
    const std::vector<CurvePoint> vanilla = curve(runs, "vanilla");
    const std::vector<CurvePoint> tpt = curve(runs, "tpt");
    if (!vanilla.empty() && !tpt.empty()) {
      ratios.push_back(ratio_of(tokens_needed(vanilla, level), tokens_needed(tpt, level)));
    }
  }
  return ratios;
}

}  // namespace

Need tokens_needed(const std::vector<CurvePoint>& curve, double level) {
  TPT_CHECK(!curve.empty());
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i].accuracy < level) {
      continue;
    }
    const auto tokens = static_cast<double>(curve[i].tokens);
    if (i == 0) {
      return {Need::Kind::at_most, tokens};
    }
    const auto tokens_before = static_cast<double>(curve[i - 1].tokens);
    const double share =
        (level - curve[i - 1].accuracy) / (curve[i].accuracy - curve[i - 1].accuracy);
    return {Need::Kind::exact, tokens_before * std::pow(tokens / tokens_before, share)};
  }
  return {Need::Kind::more_than, static_cast<double>(curve.back().tokens)};
}

std::string to_text(const Ratio& ratio) {
  if (ratio.kind == Ratio::Kind::not_measurable) {
    return "not measurable";
  }
  const char* sign = ratio.kind == Ratio::Kind::above   ? "> "
                     : ratio.kind == Ratio::Kind::below ? "< "
                                                        : "";
  return fmt::format("{}{:.3g}{}", sign, ratio.value, ratio.not_reached ? ", not reached" : "");
}

Json to_json(const Ratio& ratio) {
  if (ratio.kind == Ratio::Kind::exact) {
    return ratio.value;
  }
  return to_text(ratio);
}

Efficiency data_efficiency(const ExperimentPart& experiment) {
  Efficiency result;
  const std::vector<CurvePoint> vanilla = curve(experiment.runs, "vanilla");
  const std::vector<CurvePoint> tpt = curve(experiment.runs, "tpt");
  if (vanilla.empty() || tpt.empty()) {
    result.ratio = not_measurable("it takes a vanilla and a tpt arm");
    return result;
  }
  const CurvePoint& best =
      best_of(tpt).accuracy >= best_of(vanilla).accuracy ? best_of(tpt) : best_of(vanilla);
  if (best.accuracy - experiment.chance <= 2 * best.standard_error) {
    result.ratio = not_measurable("neither arm is above chance by two standard errors");
    return result;
  }
  for (double share : {0.25, 0.5, 0.75, 1.0}) {
    Rung rung;
    rung.level = share == 1.0 ? best.accuracy
                              : experiment.chance + share * (best.accuracy - experiment.chance);
    rung.vanilla = tokens_needed(vanilla, rung.level);
    rung.tpt = tokens_needed(tpt, rung.level);
    rung.ratio = ratio_of(*rung.vanilla, *rung.tpt);
    if (share == 0.5) {
      result.level = rung.level;
      result.ratio = rung.ratio;
    }
    result.ladder.push_back(std::move(rung));
  }
  result.by_seed = ratios_by_seed(experiment, result.level);
  return result;
}

std::string efficiency_definition() {
  return "Tokens that vanilla training needs to reach an accuracy, over the tokens that TPT needs "
         "to reach it; above 1, TPT needs fewer. Tokens are those trained on: documents, thinking "
         "and tags alike. The reference accuracy lies half-way between chance and the best "
         "accuracy that either arm reached. An arm's need is where its mean accuracy first crosses "
         "that level, interpolated over the logarithm of the tokens between two budgets. Where an "
         "arm never gets there its largest budget is the bound (\"not reached\"), where it was "
         "there from the start its smallest; nothing is extrapolated. Where neither arm is above "
         "chance by two standard errors the ratio is not measurable.";
}

}  // namespace tpt::report
