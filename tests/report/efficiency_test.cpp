#include "report/efficiency.h"

#include "report/example_page.h"
#include "report/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tpt::report {
namespace {

using ::testing::HasSubstr;

// Two seeds a budget that agree, 1000 questions: `accuracies` over tokens 1, 2, 4, 8 M...
void add_arm(ExperimentPart& experiment, const std::string& arm,
             const std::vector<double>& accuracies) {
  experiment.arms.push_back({arm, ""});
  std::int64_t tokens = 1000000;
  for (double accuracy : accuracies) {
    for (std::int64_t seed : {1, 2}) {
      experiment.runs.push_back(run_point(
          arm, seed, tokens, static_cast<std::int64_t>(std::llround(accuracy * 1000)), 1000));
    }
    tokens *= 2;
  }
}

ExperimentPart compared(const std::vector<double>& vanilla, const std::vector<double>& tpt) {
  ExperimentPart experiment;
  experiment.chance = 0.1;
  add_arm(experiment, "vanilla", vanilla);
  add_arm(experiment, "tpt", tpt);
  return experiment;
}

TEST(TokensNeeded, InterpolatesInTheLogarithmOfTokens) {
  const std::vector<CurvePoint> points = {{.tokens = 1000, .accuracy = 0.2},
                                          {.tokens = 4000, .accuracy = 0.6}};
  const Need need = tokens_needed(points, 0.4);
  EXPECT_EQ(need.kind, Need::Kind::exact);
  EXPECT_NEAR(need.tokens, 2000, 1e-9);  // half-way between is the geometric mean
  EXPECT_EQ(tokens_needed(points, 0.6).tokens, 4000);
  EXPECT_EQ(tokens_needed(points, 0.1).kind, Need::Kind::at_most);
  EXPECT_EQ(tokens_needed(points, 0.1).tokens, 1000);
  EXPECT_EQ(tokens_needed(points, 0.7).kind, Need::Kind::more_than);
  EXPECT_EQ(tokens_needed(points, 0.7).tokens, 4000);
}

TEST(TokensNeeded, TakesTheFirstCrossingOfACurveThatFallsBack) {
  const std::vector<CurvePoint> points = {{.tokens = 1000, .accuracy = 0.2},
                                          {.tokens = 2000, .accuracy = 0.6},
                                          {.tokens = 4000, .accuracy = 0.3},
                                          {.tokens = 8000, .accuracy = 0.7}};
  EXPECT_LT(tokens_needed(points, 0.5).tokens, 2000);
}

TEST(DataEfficiency, IsARatioWhereBothReachTheLevel) {
  // The same curve, TPT one doubling ahead: the ratio is 2 at every level both cross.
  const Efficiency efficiency =
      data_efficiency(compared({0.1, 0.3, 0.5, 0.7}, {0.3, 0.5, 0.7, 0.9}));
  EXPECT_EQ(efficiency.ratio.kind, Ratio::Kind::exact);
  EXPECT_DOUBLE_EQ(efficiency.level, 0.5);
  EXPECT_NEAR(efficiency.ratio.value, 2, 1e-9);
  EXPECT_EQ(to_json(efficiency.ratio), Json(efficiency.ratio.value));
  EXPECT_EQ(to_text(efficiency.ratio), "2");
  ASSERT_EQ(efficiency.ladder.size(), 4U);
  EXPECT_EQ(to_text(efficiency.ladder[3].ratio), "> 1, not reached");
  ASSERT_EQ(efficiency.by_seed.size(), 2U);
  EXPECT_NEAR(efficiency.by_seed[0].value, 2, 1e-9);
}

TEST(DataEfficiency, SaysSoWhereVanillaNeverGetsThere) {
  const Efficiency efficiency =
      data_efficiency(compared({0.1, 0.1, 0.11, 0.1}, {0.1, 0.45, 0.8, 0.8}));
  EXPECT_DOUBLE_EQ(efficiency.level, 0.45);
  EXPECT_EQ(to_json(efficiency.ratio), "> 4, not reached");
}

TEST(DataEfficiency, WorksAsWellWhereVanillaIsBetter) {
  EXPECT_EQ(to_json(data_efficiency(compared({0.1, 0.45, 0.8, 0.8}, {0.1, 0.1, 0.11, 0.1})).ratio),
            "< 0.25, not reached");
  const Efficiency both = data_efficiency(compared({0.3, 0.5, 0.7, 0.9}, {0.1, 0.3, 0.5, 0.7}));
  EXPECT_NEAR(both.ratio.value, 0.5, 1e-9);
}

TEST(DataEfficiency, BoundsWhatStoodThereFromTheStart) {
  // TPT is past the level at its first budget, 1 M, and may have needed less. Vanilla crosses 0.45
  // seven eighths of the way (of the logarithm) from 2 to 4 M.
  const Ratio ratio = data_efficiency(compared({0.1, 0.1, 0.5, 0.5}, {0.6, 0.8, 0.8, 0.8})).ratio;
  EXPECT_EQ(ratio.kind, Ratio::Kind::above);
  EXPECT_FALSE(ratio.not_reached);
  EXPECT_NEAR(ratio.value, 2 * std::pow(2, 7.0 / 8), 1e-9);
  EXPECT_EQ(to_json(ratio), "> 3.67");
  const Efficiency unknown = data_efficiency(compared({0.6, 0.7}, {0.6, 0.8}));
  EXPECT_EQ(to_json(unknown.ratio), "not measurable");
  EXPECT_THAT(unknown.ratio.why, HasSubstr("smallest budget"));
}

TEST(DataEfficiency, IsNotMeasurableAtChance) {
  const Efficiency efficiency = data_efficiency(compared({0.1, 0.11, 0.1}, {0.09, 0.105, 0.115}));
  EXPECT_EQ(to_json(efficiency.ratio), "not measurable");
  EXPECT_THAT(efficiency.ratio.why, HasSubstr("chance"));
  EXPECT_TRUE(efficiency.ladder.empty());
}

TEST(DataEfficiency, IsNotMeasurableWithoutBothArms) {
  EXPECT_EQ(to_json(data_efficiency(ExperimentPart{}).ratio), "not measurable");
  ExperimentPart alone;
  add_arm(alone, "tpt", {0.1, 0.9});
  EXPECT_EQ(to_json(data_efficiency(alone).ratio), "not measurable");
}

TEST(Verdict, SaysWhatWasBought) {
  const Verdict verdict = judge(compared({0.1, 0.11}, {0.3, 0.6}));
  EXPECT_EQ(verdict.outcome, Outcome::gain);
  EXPECT_THAT(verdict.headline, HasSubstr("raised accuracy from 11.0 % ± 1.0 to 60.0 % ± 1.5"));
  EXPECT_THAT(verdict.headline, HasSubstr("At 2 M training tokens"));
}

TEST(Verdict, SaysWhenItCost) {
  const Verdict verdict = judge(compared({0.3, 0.6}, {0.1, 0.11}));
  EXPECT_EQ(verdict.outcome, Outcome::loss);
  EXPECT_THAT(verdict.headline, HasSubstr("lowered accuracy from 60.0 %"));
}

TEST(Verdict, SaysNothingWasBoughtWithinTwoErrors) {
  const Verdict verdict = judge(compared({0.5, 0.50}, {0.5, 0.53}));
  EXPECT_EQ(verdict.outcome, Outcome::no_difference);
  EXPECT_THAT(verdict.headline, HasSubstr("bought nothing that can be told from noise"));
}

TEST(Verdict, ComparesAtTheLargestBudgetThatBothHave) {
  ExperimentPart experiment = compared({0.1, 0.12}, {0.1, 0.5, 0.9});
  const Verdict verdict = judge(experiment);
  EXPECT_EQ(verdict.tpt->tokens, 2000000);
  EXPECT_DOUBLE_EQ(verdict.tpt->accuracy, 0.5);
  experiment.runs.erase(experiment.runs.begin(), experiment.runs.begin() + 4);
  EXPECT_EQ(judge(experiment).outcome, Outcome::not_compared);
}

TEST(Verdict, TheControlTellsWhetherContentMatters) {
  ExperimentPart experiment = compared({0.1, 0.11}, {0.3, 0.6});
  add_arm(experiment, "shuffled", {0.1, 0.12});
  EXPECT_THAT(judge(experiment).details[0], HasSubstr("no better than vanilla"));
  experiment = compared({0.1, 0.11}, {0.3, 0.6});
  add_arm(experiment, "shuffled", {0.3, 0.59});
  EXPECT_THAT(judge(experiment).details[0],
              HasSubstr("thinking about the wrong document does as well"));
  experiment = compared({0.1, 0.11}, {0.3, 0.6});
  add_arm(experiment, "shuffled", {0.1, 0.3});
  EXPECT_THAT(judge(experiment).details[0], HasSubstr("only a part of the gain"));
}

}  // namespace
}  // namespace tpt::report
