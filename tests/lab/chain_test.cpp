#include "lab/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tpt::lab {
namespace {

// A second way to the result that shares nothing with the first: over the characters, with the
// remainder taken once at the end of exact integers.
int slow_result(const std::string& expression) {
  __int128 value = expression[0] - '0';
  for (std::size_t i = 1; i < expression.size(); i += 2) {
    const int operand = expression[i + 1] - '0';
    switch (expression[i]) {
      case '+':
        value += operand;
        break;
      case '-':
        value -= operand;
        break;
      default:
        value *= operand;
    }
  }
  return static_cast<int>(((value % 10) + 10) % 10);
}

TEST(Chain, IsWorkedFromLeftToRightModuloTen) {
  const Chain chain{.start = 7, .steps = {{'-', 3}, {'*', 4}, {'+', 8}}};
  EXPECT_EQ(expression(chain), "7-3*4+8");
  EXPECT_EQ(working(chain), "7-3=4 4*4=6 6+8=4");
  EXPECT_EQ(result(chain), 4);
  EXPECT_EQ(apply_step(3, {'-', 7}), 6);
}

TEST(Chain, ParsesWhatItWritesAndNothingElse) {
  const auto chain = parse_expression("7-3*4+8");
  ASSERT_TRUE(chain);
  EXPECT_EQ(expression(*chain), "7-3*4+8");
  for (const char* text : {"", "7", "7-", "7-3*", "77-3", "-7+3", "7/3", "7 -3", "7-3=", "a-3",
                           "7-3 ", "7--3", "7+3\n", "\xff+3"}) {
    EXPECT_FALSE(parse_expression(text)) << text;
  }
  EXPECT_FALSE(
      parse_expression(std::string_view("7\0"
                                        "3",
                                        3)));
}

TEST(Chain, DrawsEachLengthAndEachResultEquallyOften) {
  Random random(5);
  constexpr int kDraws = 50'000;
  std::array<int, 10> results{};
  std::array<int, 7> lengths{};
  for (int i = 0; i < kDraws; ++i) {
    const Chain chain = draw_chain(random, 2, 6);
    ASSERT_GE(chain.steps.size(), 2U);
    ASSERT_LE(chain.steps.size(), 6U);
    ++lengths[chain.steps.size()];
    ++results[static_cast<std::size_t>(result(chain))];
  }
  // Five standard deviations of a binomial count.
  for (const int count : results) {
    EXPECT_NEAR(count, kDraws / 10, 5 * std::sqrt(kDraws * 0.1 * 0.9));
  }
  for (std::size_t steps = 2; steps <= 6; ++steps) {
    EXPECT_NEAR(lengths[steps], kDraws / 5, 5 * std::sqrt(kDraws * 0.2 * 0.8));
  }
}

TEST(ChainSlow, TenThousandChainsAgreeWithASecondWay) {
  Random random(11);
  for (int i = 0; i < 10'000; ++i) {
    const Chain chain = draw_chain(random, 1, 16);
    const std::string text = expression(chain);
    ASSERT_EQ(result(chain), slow_result(text)) << text;
    // The last digit of the working is the result; each equation goes on from the one before.
    const std::string steps = working(chain);
    ASSERT_EQ(steps.size(), 6 * chain.steps.size() - 1) << steps;
    for (std::size_t k = 0; k < chain.steps.size(); ++k) {
      const std::string equation = steps.substr(6 * k, 5);
      ASSERT_EQ(equation.substr(1, 2), text.substr(2 * k + 1, 2)) << text << ": " << steps;
      ASSERT_EQ(equation[4] - '0', slow_result(text.substr(0, 2 * k + 3))) << text << ": " << steps;
      ASSERT_EQ(equation[0] - '0', slow_result(text.substr(0, 2 * k + 1))) << text << ": " << steps;
    }
  }
}

TEST(ChainSlow, TenThousandWorkingsAreRightInPython) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python of the tests (make setup)";
  }
  const std::filesystem::path folder = testing::TempDir() + "tpt_chain_test";
  std::filesystem::create_directories(folder);
  {
    std::ofstream chains(folder / "chains.txt");
    Random random(12);
    for (int i = 0; i < 10'000; ++i) {
      const Chain chain = draw_chain(random, 2, 6);
      chains << expression(chain) << "\t" << result(chain) << "\t" << working(chain) << "\n";
    }
  }
  const std::string command = std::string(TPT_PYTHON) +
                              " " TPT_SOURCE_DIR "/tests/lab/check_chains.py " +
                              (folder / "chains.txt").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tpt::lab
