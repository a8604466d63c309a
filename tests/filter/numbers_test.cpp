// The reason `numbers` on rows whose label follows from how they were made (number_rows.py), and on
// sentences as people write them.
#include "filter/equations.h"
#include "filter/filter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

namespace tpt::filter {
namespace {

Config only_numbers() {
  Config config;
  config.min_tokens = 0;
  config.min_characters = 0;
  config.max_tail_share = 1;
  config.max_repeated_lines = 1;
  config.max_repeated_ngrams = 1;
  config.max_copied = 1;
  config.max_foreign = 1;
  config.refusals = false;
  config.special_tokens = false;
  config.leaked_words = 0;
  return config;
}

Verdict judged(const std::string& thinking, const std::string& document = "") {
  AugmentedDocument row;
  row.document.text = document;
  row.trajectory.text = thinking;
  row.trajectory.finish = Finish::stop;
  return Filter(only_numbers()).judge(row);
}

TEST(Numbers, OfRowsMadeWithAndWithoutAContradictionAreToldApart) {
  std::ifstream file(TPT_SOURCE_DIR "/tests/filter/data/numbers.jsonl");
  ASSERT_TRUE(file);
  std::map<std::string, std::array<int, 2>> bad;  // found, of
  int false_alarms = 0;
  int good = 0;
  for (std::string line; std::getline(file, line);) {
    const Json json = parse_json(line, "numbers.jsonl");
    const Verdict verdict =
        judged(json.at("thinking").get<std::string>(), json.at("document").get<std::string>());
    const bool found = verdict.reason == "numbers";
    if (json.at("label") == "keep") {
      ++good;
      false_alarms += found ? 1 : 0;
      if (found) std::cout << json.at("id") << " " << verdict.detail << "\n";
      continue;
    }
    for (const std::string& name : {json.at("note").get<std::string>(), std::string("all")}) {
      bad[name][0] += found ? 1 : 0;
      bad[name][1] += 1;
    }
  }
  for (const auto& [name, counts] : bad) {
    std::cout << name << ": " << counts[0] << " of " << counts[1] << "\n";
  }
  std::cout << false_alarms << " false alarms among " << good << "\n";
  const double found = bad["all"][0];
  EXPECT_GE(found / (found + false_alarms), 0.97);
  EXPECT_GE(found / bad["all"][1], 0.7);
  EXPECT_GE(good, 200);
  EXPECT_GE(bad["all"][1], 200);
}

TEST(Numbers, FalseArithmeticIsFoundWithUnitsAndInWords) {
  const std::vector<std::string> kFalse = {
      "He works 6 days/week * 4 weeks/month = 25 days/month.",
      "So 88 stripes / 4 zebras = 20 stripes/zebra.",
      "He earns $50/day * 24 days = $1,100 in all.",
      "She has 50 eggs + 2 loose eggs = 62 eggs.",
      "There are 12 cookies - 5 cookies \xE2\x80\x93 2 cookies = 6 cookies left.",
      "Then 12 times 7 is 94.",
      "Of course 12 multiplied by 7 equals 74.",
      "And 96 divided by 8 gives 14, which fits.",
      "45 minus 17 leaves 38.",
      "Half of 36 is 28.",
      "A quarter of 60 is 20.",
      "20% of 50 apples is 15.",
      "20 percent of 50 apples makes 15 apples.",
      "Twice 14 is 38.",
      "If he buys 3 boxes, he has 3 * 4 = 13 eggs.",
      "There are 4*40 = 320 students in her class.",
      "They ran a total of 300 + 60 = 390 meters.",
      "(5 days \xC3\x97 8 hours = 48 hours)",
      "Each gets 2 eggs x 3 trays = 9 eggs."};
  for (const std::string& text : kFalse) EXPECT_EQ(judged(text).reason, "numbers") << text;
}

TEST(Numbers, TrueArithmeticAndWhatMayBeTrueAreKept) {
  const std::vector<std::string> kKept = {
      "2 hours + 30 minutes = 150 minutes.",
      "1 hour + 45 minutes = 105 minutes.",
      "30 minutes * $20/hour = $10.",
      "5 feet * 12 = 60 inches, and 90 minutes / 60 = 1 hour 30 minutes.",
      "90 / 60 = 1 hour and 30 minutes.",
      "35 days / 5 = 1 week.",
      "20 nickels * 5 = 1 dollar.",
      "3 plus 4 times 2 is 14.",
      "Half of 6 plus 2 is 4.",
      "Since 1/4 of her money is $40, she has $160.",
      "Since 4/7 is equal to $24, 1/7 is $6.",
      "The discriminant is $b^2-4ac=400-4ac=0$.",
      "He paid 100 + 20% = 120.",
      "100 dollars - 20% = 80 dollars.",
      "Suppose 12 times 7 is 94; then the world would be odd.",
      "If 12 times 7 is 94, nothing holds.",
      "12 times 7 is 94? No, it is 84.",
      "12 times 7 is 94. Wait, that's not right, it is 84.",
      "Two hundred 5 dollar bills * 2 = 2,000 dollars.",
      "He has 4 dozen eggs * 1 = 48 eggs.",
      "In the 1950s 3 of them is 1 too many.",
      "15 minus 3 is less than 20, and 5 plus 3 is 8 more or less.",
      "Chapter 3 is 40 pages long and 12 is 4 less than 16.",
      "Between 3-5 is 4 and covid-19 is 2 years older.",
      "The 30th - 2 days = 28th.",
      "7 and 2 is 9, 17 mod 5 is 2.",
      "10 miles / 4 hours = 2.5 miles per hour, 100 km/h is about 28 m/s.",
      "3.2 million people + 1 million people = 4.2 million people.",
      "Two thirds of 30 is 20 and a third of 100 is 33.",
      "The square root of 16 plus 9 is 5.",
      "sqrt(16) times 2 is 8, f(3) times 2 is 18."};
  for (const std::string& text : kKept) {
    const Verdict verdict = judged(text);
    EXPECT_TRUE(verdict.keep) << text << ": " << verdict.detail;
  }
}

TEST(Numbers, ADoubtThatTheDocumentSaysItselfIsNoneOfTheThinking) {
  const std::string document =
      "The ban did not end the trade, and by 1842 a hundred ships were engaged in it. Others left.";
  const auto told = [](const std::string& year) {
    return "The ban did not end the trade, and by " + year + " a hundred ships were engaged in it.";
  };
  EXPECT_EQ(judged(told("1852"), document).reason, "numbers");
  EXPECT_TRUE(judged(told("1842"), document).keep);
  EXPECT_TRUE(
      judged("It is not so that by 1852 a hundred ships were engaged in it.", document).keep);
}

TEST(Numbers, ARoundNumberInTheDocumentAllowsNoOther) {
  const std::string document =
      "Over 100 women were hospitalized for injuries sustained during the parade that year.";
  const auto told = [](const std::string& number) {
    return "The text states that over " + number +
           " women were hospitalized for injuries sustained during the parade.";
  };
  EXPECT_EQ(judged(told("70"), document).reason, "numbers");
  EXPECT_TRUE(judged(told("100"), document).keep);
  EXPECT_TRUE(judged(told("102"), document).keep);
}

// Whatever stands around the signs: no crash, and no equation of more than there is.
TEST(Numbers, HostileTextGivesNoEquationBeyondItsEnd) {
  const std::vector<std::string> kPieces = {
      "12", " ", "=",       "times", "$",  "%",   "/",    "(",        ")",   "is",       ".",
      ",",  "x", "half of", "-",     "\n", "day", "\xE2", "\xC3\x97", "0.5", "equal to", "1e9"};
  std::uint32_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int k = 0; k < 14; ++k) {
      state = state * 1664525U + 1013904223U;
      text += kPieces[(state >> 16U) % kPieces.size()];
      if ((state & 0x300U) == 0) text += ' ';
    }
    for (const Equation& equation : find_equations(read_text(text))) {
      ASSERT_LT(equation.begin, equation.end) << text;
      ASSERT_LE(equation.end, text.size()) << text;
    }
  }
}

}  // namespace
}  // namespace tpt::filter
