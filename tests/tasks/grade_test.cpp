#include "tasks/grade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tpt::tasks {
namespace {

using testing::Eq;
using testing::Optional;

TEST(ExtractAnswer, TakesWhatFollowsTheLastThinking) {
  EXPECT_THAT(extract_answer("<think>1+1=2</think>2"), Optional(Eq("2")));
  EXPECT_THAT(extract_answer("1+1=2</think> 2.\n"), Optional(Eq("2")));
  EXPECT_THAT(extract_answer("<think>a</think>3<think>b</think>4"), Optional(Eq("4")));
  EXPECT_THAT(extract_answer("a</think>3</think>4"), Optional(Eq("4")));
  EXPECT_THAT(extract_answer("4"), Optional(Eq("4")));
}

TEST(ExtractAnswer, UnfinishedThinkingHasNoAnswer) {
  EXPECT_EQ(extract_answer("<think>1+1=2"), std::nullopt);
  EXPECT_EQ(extract_answer("<think>1+1=2</think>2<think>wait"), std::nullopt);
  EXPECT_EQ(extract_answer("</think>"), std::nullopt);
  EXPECT_EQ(extract_answer("<think></think> . "), std::nullopt);
  EXPECT_EQ(extract_answer(""), std::nullopt);
  EXPECT_EQ(extract_answer(" \t\r\n"), std::nullopt);
}

TEST(ExtractAnswer, TwoAnswersAreOneAnswerThatIsWrong) {
  EXPECT_THAT(extract_answer("</think>4 5"), Optional(Eq("4 5")));
  EXPECT_FALSE(grade(extract_answer("</think>4 5"), "4"));
  EXPECT_FALSE(grade(extract_answer("</think>4\n4"), "4"));
  EXPECT_FALSE(grade(extract_answer("</think>4 or 5"), "5"));
}

TEST(ExtractAnswer, StandsAfterTheLastMarkerOnItsLine) {
  EXPECT_THAT(extract_answer("so 3+4=7\n#### 7\n\nQuestion: next", "####"), Optional(Eq("7")));
  EXPECT_THAT(extract_answer("#### 7\n#### 8", "####"), Optional(Eq("8")));
  EXPECT_EQ(extract_answer("7", "####"), std::nullopt);
  EXPECT_EQ(extract_answer("#### \n7", "####"), std::nullopt);
  EXPECT_EQ(extract_answer("<think>#### 7</think>8", "####"), std::nullopt) << "inside thinking";
}

TEST(Grade, ComparesExactlyAfterTrimmingAndOneFinalPeriod) {
  EXPECT_TRUE(grade("4", "4"));
  EXPECT_TRUE(grade(" 4. ", "4"));
  EXPECT_TRUE(grade("4", " 4.\n"));
  EXPECT_TRUE(grade("Paris", "Paris"));
  for (const char* wrong : {"04", "4.0", "+4", "-4", "4..", "4 .x", "four", "4,", "44", ""}) {
    EXPECT_FALSE(grade(wrong, "4")) << wrong;
  }
  EXPECT_FALSE(grade("paris", "Paris"));
  EXPECT_FALSE(grade(std::nullopt, "4"));
  EXPECT_FALSE(grade("", "")) << "nothing is not an answer";
  EXPECT_FALSE(grade(std::nullopt, ""));
}

TEST(Grade, SurvivesHostileOutput) {
  const std::string huge(50'000'000, '4');
  EXPECT_EQ(extract_answer(huge), std::nullopt);
  EXPECT_EQ(extract_answer("</think>" + huge), std::nullopt);
  EXPECT_THAT(extract_answer(huge + "</think>4"), Optional(Eq("4")));
  EXPECT_THAT(extract_answer(std::string(kMaxAnswerBytes, 'x')), testing::Ne(std::nullopt));
  EXPECT_EQ(extract_answer(std::string(kMaxAnswerBytes + 1, 'x')), std::nullopt);
  EXPECT_THAT(extract_answer(std::string(1'000'000, ' ') + "4" + std::string(1'000'000, '\n')),
              Optional(Eq("4")));
  std::string many;
  for (int i = 0; i < 100'000; ++i) {
    many += "</think><think>";
  }
  EXPECT_EQ(extract_answer(many), std::nullopt);
  EXPECT_THAT(extract_answer(many + "</think>4"), Optional(Eq("4")));
  const std::string invalid = "</think>\xff\xfe";
  EXPECT_THAT(extract_answer(invalid), Optional(Eq("\xff\xfe")));
  EXPECT_FALSE(grade(extract_answer(invalid), "4"));
  const std::string with_nul("</think>4\0", 10);
  EXPECT_FALSE(grade(extract_answer(with_nul), "4")) << "NUL is no white space";
}

}  // namespace
}  // namespace tpt::tasks
