#include "report/statistics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <random>

namespace tpt::report {
namespace {

RunPoint run(std::string arm, std::int64_t seed, std::int64_t tokens, std::int64_t correct,
             std::int64_t questions = 300) {
  RunPoint point;
  point.arm = std::move(arm);
  point.seed = seed;
  point.train_tokens = tokens;
  point.correct = correct;
  point.questions = questions;
  return point;
}

// What the oracle's Python prints for `code`, as a number.
double python_number(const std::string& code) {
  const std::string command = fmt::format("'{}' -c '{}'", TPT_PYTHON, code);
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  char line[256] = {};
  EXPECT_NE(std::fgets(line, sizeof line, pipe.get()), nullptr) << command;
  return std::strtod(line, nullptr);
}

TEST(Spearman, KnownValues) {
  const std::vector<double> x = {1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(*spearman(x, std::vector<double>{2, 4, 8, 16, 32}), 1.0);
  EXPECT_DOUBLE_EQ(*spearman(x, std::vector<double>{5, 4, 3, 2, 1}), -1.0);
  // Ranks of y: 1.5, 1.5, 3, 4.5, 4.5.
  EXPECT_NEAR(*spearman(x, std::vector<double>{1, 1, 2, 3, 3}), 9.0 / std::sqrt(10.0 * 9.0), 1e-12);
}

TEST(Spearman, IsNothingWhereThereIsNoOrder) {
  EXPECT_FALSE(spearman(std::vector<double>{}, std::vector<double>{}));
  EXPECT_FALSE(spearman(std::vector<double>{1}, std::vector<double>{1}));
  EXPECT_FALSE(spearman(std::vector<double>{1, 2, 3}, std::vector<double>{4, 4, 4}));
}

TEST(Spearman, EqualsTheOracleOnTies) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the oracles' python: make setup-test";
  }
  std::mt19937 random(7);
  for (int trial = 0; trial < 3; ++trial) {
    std::vector<double> x;
    std::vector<double> y;
    for (int i = 0; i < 200; ++i) {
      x.push_back(static_cast<double>(random() % 6));
      y.push_back(x.back() * 3 + static_cast<double>(random() % 15));
    }
    // Pearson's correlation of mean ranks, by numpy.
    const std::string code = fmt::format(
        "import numpy as np\n"
        "def ranks(v):\n"
        "    v = np.array(v); u, inverse, counts = np.unique(v, return_inverse=True, "
        "return_counts=True)\n"
        "    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]\n"
        "print(repr(float(np.corrcoef(ranks([{}]), ranks([{}]))[0, 1])))",
        fmt::join(x, ","), fmt::join(y, ","));
    EXPECT_NEAR(*spearman(x, y), python_number(code), 1e-12);
  }
}

TEST(Curve, AveragesSeedsAndSortsBudgets) {
  const std::vector<RunPoint> runs = {run("tpt", 2, 2000, 210), run("tpt", 1, 1000, 60),
                                      run("vanilla", 1, 1000, 30), run("tpt", 1, 2000, 150)};
  const std::vector<CurvePoint> points = curve(runs, "tpt");
  ASSERT_EQ(points.size(), 2U);
  EXPECT_EQ(points[0].tokens, 1000);
  EXPECT_EQ(points[0].seeds, 1);
  EXPECT_EQ(points[0].stderr_seeds, 0);
  EXPECT_DOUBLE_EQ(points[0].standard_error, points[0].stderr_questions);
  EXPECT_EQ(points[1].tokens, 2000);
  EXPECT_EQ(points[1].correct, 360);
  EXPECT_EQ(points[1].questions, 600);
  EXPECT_DOUBLE_EQ(points[1].accuracy, 0.6);
  // Two seeds at 0.5 and 0.7: s = 0.1414, over sqrt(2) is 0.1.
  EXPECT_NEAR(points[1].stderr_seeds, 0.1, 1e-12);
  // The questions are shared: 300 of them, not 600.
  EXPECT_NEAR(points[1].stderr_questions, std::sqrt(182.0 / 304 * (122.0 / 304) / 304), 1e-12);
  EXPECT_NEAR(points[1].standard_error, std::hypot(0.1, points[1].stderr_questions), 1e-12);
  EXPECT_TRUE(curve(runs, "shuffled").empty());
}

TEST(Curve, FurtherSamplesOfAQuestionAreNoFurtherQuestions) {
  std::vector<RunPoint> runs = {run("tpt", 1, 1000, 600, 1200)};
  runs[0].samples = 4;
  EXPECT_DOUBLE_EQ(curve(runs, "tpt")[0].stderr_questions, binomial_error(150, 300));
}

TEST(ArmsOf, NamesEveryArmOnce) {
  ExperimentPart experiment;
  experiment.arms = {{"tpt", "TPT"}, {"vanilla", ""}, {"tpt", "again"}};
  experiment.runs = {run("vanilla", 1, 1, 1), run("repeat", 1, 1, 1), run("repeat", 2, 1, 1)};
  std::vector<std::string> names;
  for (const Arm& arm : arms_of(experiment)) {
    names.push_back(arm.name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("tpt", "vanilla", "repeat"));
  EXPECT_EQ(arms_of(experiment)[0].label, "TPT");
}

TEST(Curve, AllRightIsNotCalledExact) {
  const std::vector<CurvePoint> points = curve({run("tpt", 1, 1000, 300)}, "tpt");
  EXPECT_EQ(points[0].accuracy, 1.0);
  EXPECT_GT(points[0].standard_error, 0.003);
}

TEST(Curve, LeavesOutRunsWithoutQuestionsAndLossesNotMeasured) {
  std::vector<RunPoint> runs = {run("tpt", 1, 1000, 0, 0), run("tpt", 2, 1000, 30),
                                run("tpt", 3, 1000, 30)};
  runs[1].document_loss = 2.5;
  const std::vector<CurvePoint> points = curve(runs, "tpt");
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points[0].seeds, 2);
  EXPECT_EQ(points[0].document_loss, 2.5);
  EXPECT_TRUE(std::isnan(points[0].document_loss_stderr));
  EXPECT_TRUE(std::isnan(points[0].train_seconds));
}

// The error bar must cover: draw runs from a world with known accuracy, seeds that differ, and
// shared questions that differ in difficulty, and count how often two errors reach the truth.
TEST(Curve, TwoStandardErrorsCoverTheTruth) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  constexpr int kWorlds = 400;
  constexpr int kQuestions = 200;
  constexpr int kSeeds = 4;
  int covered = 0;
  for (int world = 0; world < kWorlds; ++world) {
    std::vector<double> difficulty(kQuestions);
    for (double& value : difficulty) {
      value = 0.25 * normal(random);
    }
    std::vector<RunPoint> runs;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const double skill = 0.5 + 0.05 * normal(random);
      std::int64_t correct = 0;
      for (double value : difficulty) {
        correct += std::bernoulli_distribution(std::clamp(skill + value, 0.0, 1.0))(random);
      }
      runs.push_back(run("tpt", seed, 1000, correct, kQuestions));
    }
    const CurvePoint point = curve(runs, "tpt")[0];
    covered += std::abs(point.accuracy - 0.5) <= 2 * point.standard_error;
  }
  EXPECT_GE(covered, kWorlds * 93 / 100);
  EXPECT_LT(covered, kWorlds);  // and it is no blank cheque
}

TEST(Quantile, InterpolatesLikeNumpy) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.25), 1.75);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.9), 7);
}

TEST(LengthAgainstSteps, TakesOnlyDocumentsWithSteps) {
  AugmentPart part;
  for (int i = 0; i < 10; ++i) {
    part.points.push_back({.id = "chain", .thinking_tokens = 10 * i, .steps = i});
    part.points.push_back({.id = "plain", .thinking_tokens = 500 - i});
  }
  const StepsCorrelation correlation = length_against_steps(part);
  EXPECT_EQ(correlation.documents, 10);
  EXPECT_DOUBLE_EQ(*correlation.spearman, 1.0);
}

}  // namespace
}  // namespace tpt::report
