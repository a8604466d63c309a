#include "filter/decontaminator.h"

#include "base/error.h"
#include "base/random.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

namespace tpt::filter {
namespace {

const std::string kQuestion =
    "Janet's ducks lay 16 eggs per day. She eats three for breakfast every morning and bakes "
    "muffins for her friends every day with four. How much does she make at the market?";

Decontaminator with(std::vector<std::string> questions, DecontaminationConfig config = {}) {
  Decontaminator benchmarks(config);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    benchmarks.add("gsm8k/test", std::to_string(i), questions[i]);
  }
  benchmarks.finish();
  return benchmarks;
}

TEST(Decontaminator, FindsAQuestionWhateverStandsAround) {
  const Decontaminator benchmarks =
      with({"Another question that nobody asks here at all, ever.", kQuestion});
  const auto hit = benchmarks.find("Consider this: " + kQuestion + " I think it is 18.");
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->benchmark, "gsm8k/test");
  EXPECT_EQ(hit->item, "1");
  EXPECT_EQ(hit->words, kQuestion.substr(0, kQuestion.size() - 1));
}

TEST(Decontaminator, LooksThroughCapitalsSignsAndTypography) {
  const Decontaminator benchmarks = with({kQuestion});
  EXPECT_TRUE(benchmarks.find(
      "JANET\u2019S DUCKS LAY 16 EGGS PER DAY \u2014 SHE EATS THREE, FOR BREAKFAST"));
  EXPECT_TRUE(benchmarks.find(
      "eats three for\nbreakfast every morning and bakes *muffins* for her friends every day"));
}

TEST(Decontaminator, AsksForThirteenWordsInARow) {
  const Decontaminator benchmarks = with({kQuestion});
  EXPECT_TRUE(benchmarks.find(
      "She eats three for breakfast every morning and bakes muffins for her friends"));
  EXPECT_FALSE(benchmarks.find(
      "She eats three for breakfast every morning and bakes muffins for her neighbours"));
  EXPECT_FALSE(benchmarks.find(""));
}

TEST(Decontaminator, FindsShortQuestionsWhole) {
  const Decontaminator benchmarks =
      with({"What is the largest planet of the solar system?",
            "What is the largest planet of the outer galaxy?", "Which planet is red?"});
  const auto hit =
      benchmarks.find("Now: what is the largest planet of the outer galaxy? Nobody knows.");
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->item, "1");
  EXPECT_FALSE(benchmarks.find("What is the largest planet of the solar neighbourhood?"));
  EXPECT_TRUE(benchmarks.find("Which planet is red?"));
  EXPECT_FALSE(benchmarks.find("He asked which planet is red, and why."));
  EXPECT_EQ(benchmarks.short_items(), 1);
}

TEST(Decontaminator, LeavesNumbersAndFormsOfWordsAlone) {
  const Decontaminator numbers =
      with({"Add 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 and then halve the sum of it."});
  EXPECT_FALSE(numbers.find("Rows: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"));
  std::vector<std::string> questions;
  for (int i = 0; i < 12; ++i) {
    questions.push_back(
        "Which one of the following answers is the best choice according to the text above about "
        "subject" +
        std::to_string(i));
  }
  EXPECT_FALSE(
      with(questions).find("Which one of the following answers is the best choice according to the "
                           "text above, please?"));
}

TEST(Decontaminator, CountsSignsWithoutSpacesAsHalfWords) {
  const std::string question =
      "\u4e00\u5217\u706b\u8f66\u4ece\u7532\u5730\u5230\u4e59\u5730\u9700\u8981\u591a\u5c11\u65f6"
      "\u95f4\u5982\u679c\u5b83\u7684\u901f\u5ea6\u662f\u6bcf\u5c0f\u65f6";
  const Decontaminator benchmarks = with({question});
  EXPECT_TRUE(benchmarks.find("\u95ee\uff1a" + question));
  EXPECT_FALSE(benchmarks.find(question.substr(0, 14 * 3)));
}

// Against the obvious way: every run of n words of every question, in a set.
TEST(Decontaminator, FindsWhatTheSlowWayFinds) {
  Random random(3);
  const auto text_of = [&random](std::size_t words) {
    std::string text;
    for (std::size_t i = 0; i < words; ++i)
      text += "word" + std::string(1, static_cast<char>('a' + random.below(3))) + " ";
    return text;
  };
  for (int round = 0; round < 400; ++round) {
    DecontaminationConfig config{.words = 5, .short_words = 5, .common_items = 1000};
    std::vector<std::string> questions;
    for (int i = 0; i < 3; ++i) questions.push_back(text_of(5 + random.below(4)));
    const Decontaminator benchmarks = with(questions, config);
    const std::string text = text_of(random.below(40));
    bool slow = false;
    for (const std::string& question : questions) {
      for (std::size_t at = 0; at + 5 * 6 <= question.size(); at += 6) {
        slow |= text.find(question.substr(at, 5 * 6)) != std::string::npos;
      }
    }
    ASSERT_EQ(benchmarks.find(text).has_value(), slow) << text;
  }
}

TEST(Decontaminator, RefusesMoreThanItsMemory) {
  Decontaminator benchmarks({.most_bytes = 10'000});
  EXPECT_THROW(
      {
        for (int i = 0; i < 1000; ++i) benchmarks.add("b", std::to_string(i), kQuestion);
      },
      Error);
}

TEST(Decontaminator, MayBeAskedByThreads) {
  const Decontaminator benchmarks = with({kQuestion});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&benchmarks] {
      for (int k = 0; k < 200; ++k) EXPECT_TRUE(benchmarks.find("So " + kQuestion));
    });
  }
}

}  // namespace
}  // namespace tpt::filter
