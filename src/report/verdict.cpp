#include "report/verdict.h"

#include "report/efficiency.h"
#include "report/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tpt::report {
namespace {

std::optional<CurvePoint> at_budget(const std::vector<CurvePoint>& points, std::int64_t tokens) {
  for (const CurvePoint& point : points) {
    if (point.tokens == tokens) {
      return point;
    }
  }
  return std::nullopt;
}

// -1, 0 or 1: `a` is below, not to be told from, or above `b`.
int compare(const CurvePoint& a, const CurvePoint& b) {
  const double difference = a.accuracy - b.accuracy;
  if (std::abs(difference) <= 2 * std::hypot(a.standard_error, b.standard_error)) {
    return 0;
  }
  return difference > 0 ? 1 : -1;
}

std::string with_error(const CurvePoint& point) {
  return fmt::format("{} {}", percent_text(point.accuracy), error_text(point.standard_error));
}

std::string headline_of(Outcome outcome, const CurvePoint& vanilla, const CurvePoint& tpt) {
  const std::string budget = short_count_text(static_cast<double>(tpt.tokens));
  if (outcome == Outcome::no_difference) {
    return fmt::format(
        "At {} training tokens the thinking bought nothing that can be told from noise: {} without "
        "it, {} with it.",
        budget, with_error(vanilla), with_error(tpt));
  }
  return fmt::format("At {} training tokens the thinking {} accuracy from {} to {}.", budget,
                     outcome == Outcome::gain ? "raised" : "lowered", with_error(vanilla),
                     with_error(tpt));
}

std::string about_control(const Verdict& verdict) {
  const std::string start =
      fmt::format("Control: trained on the thinking of other documents, the same model reaches {}",
                  with_error(*verdict.shuffled));
  const int against_vanilla = compare(*verdict.shuffled, *verdict.vanilla);
  if (verdict.outcome != Outcome::gain) {
    return start + ".";
  }
  if (against_vanilla <= 0) {
    return start +
           ", no better than vanilla: the gain comes from what the thinking says about its "
           "document, not from more or other text.";
  }
  if (compare(*verdict.tpt, *verdict.shuffled) > 0) {
    return start +
           ", above vanilla too: only a part of the gain comes from what the thinking says "
           "about its document.";
  }
  return start +
         ": thinking about the wrong document does as well, so the gain does not come from "
         "what the thinking says.";
}

std::string about_efficiency(const ExperimentPart& experiment) {
  const Efficiency efficiency = data_efficiency(experiment);
  if (efficiency.ratio.kind == Ratio::Kind::not_measurable) {
    return fmt::format("Data efficiency: not measurable ({}).", efficiency.ratio.why);
  }
  return fmt::format("Data efficiency: {} (vanilla's tokens over TPT's tokens to reach {}).",
                     to_text(efficiency.ratio), percent_text(efficiency.level));
}

std::string about_error(const CurvePoint& point) {
  const auto questions = static_cast<std::int64_t>(
      std::llround(static_cast<double>(point.questions) / static_cast<double>(point.seeds)));
  if (point.seeds < 2) {
    return fmt::format(
        "± is one standard error, of {} questions; with one seed the spread between seeds is not "
        "known.",
        count_text(questions));
  }
  return fmt::format(
      "± is one standard error: the spread over {} seeds and the binomial error of {} questions "
      "together.",
      point.seeds, count_text(questions));
}

}  // namespace

Verdict judge(const ExperimentPart& experiment) {
  Verdict verdict;
  const std::vector<CurvePoint> vanilla = curve(experiment.runs, "vanilla");
  const std::vector<CurvePoint> tpt = curve(experiment.runs, "tpt");
  for (auto point = tpt.rbegin(); point != tpt.rend() && !verdict.vanilla; ++point) {
    verdict.vanilla = at_budget(vanilla, point->tokens);
    verdict.tpt = *point;
  }
  if (!verdict.vanilla) {
    verdict.tpt.reset();
    verdict.headline =
        "No comparison: vanilla and TPT were not examined at the same number of training tokens.";
    return verdict;
  }
  verdict.shuffled = at_budget(curve(experiment.runs, "shuffled"), verdict.tpt->tokens);
  const int difference = compare(*verdict.tpt, *verdict.vanilla);
  verdict.outcome = difference > 0   ? Outcome::gain
                    : difference < 0 ? Outcome::loss
                                     : Outcome::no_difference;
  verdict.headline = headline_of(verdict.outcome, *verdict.vanilla, *verdict.tpt);
  if (verdict.shuffled) {
    verdict.details.push_back(about_control(verdict));
  }
  verdict.details.push_back(about_efficiency(experiment));
  verdict.details.push_back(about_error(*verdict.tpt));
  return verdict;
}

std::string arm_label(const ExperimentPart* experiment, const std::string& name) {
  if (experiment != nullptr) {
    for (const Arm& arm : experiment->arms) {
      if (arm.name == name && !arm.label.empty()) {
        return arm.label;
      }
    }
  }
  return name == "tpt"        ? "TPT"
         : name == "shuffled" ? "TPT, shuffled thinking"
         : name.empty()       ? "shards"
                              : name;
}

}  // namespace tpt::report
