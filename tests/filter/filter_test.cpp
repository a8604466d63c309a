#include "filter/filter.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tpt::filter {
namespace {

AugmentedDocument row_of(std::string thinking, Finish finish = Finish::stop) {
  AugmentedDocument row;
  row.document.id = "d";
  row.trajectory.thinking_tokens = static_cast<std::int64_t>(thinking.size() / 4 + 1);
  row.trajectory.text = std::move(thinking);
  row.trajectory.finish = finish;
  return row;
}

std::string reason(const AugmentedDocument& row, const Config& config = {}) {
  const Verdict verdict = Filter(config).judge(row);
  EXPECT_EQ(verdict.keep, verdict.reason.empty());
  return verdict.reason;
}

std::string times(const std::string& piece, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += piece;
  }
  return text;
}

const std::string kThinking =
    "The passage derives the area of a circle by cutting it into thin rings. Each ring of radius "
    "r and width dr has length 2*pi*r, so its area is close to 2*pi*r*dr. Adding rings from 0 to "
    "R gives pi*R^2. Why does the error vanish? The neglected part of a ring is of order dr^2, and "
    "there are R/dr rings, so the whole error is of order dr, which goes to nothing.";

TEST(Filter, KeepsThinking) { EXPECT_EQ(reason(row_of(kThinking)), ""); }

TEST(Filter, NamesLength) {
  EXPECT_EQ(reason(row_of("")), "empty");
  EXPECT_EQ(reason(row_of(" \n\t ")), "empty");
  EXPECT_EQ(reason(row_of("Sure, I can help with that.")), "too_short");
  AugmentedDocument few_tokens = row_of(kThinking);
  few_tokens.trajectory.thinking_tokens = 3;
  EXPECT_EQ(reason(few_tokens), "too_short");
  Config config;
  config.max_tokens = 50;
  EXPECT_EQ(reason(row_of(kThinking), config), "too_long");
  config = {};
  config.max_characters = 100;
  EXPECT_EQ(reason(row_of(kThinking), config), "too_long");
  config.max_characters = static_cast<std::int64_t>(kThinking.size());
  EXPECT_EQ(reason(row_of(kThinking), config), "");
}

TEST(Filter, CountsCharactersNotBytes) {
  Config config;
  config.min_tokens = 0;
  config.min_characters = 4;
  EXPECT_EQ(reason(row_of("\u4e2d\u6587\u5b57"), config), "too_short");
  EXPECT_EQ(reason(row_of("\u4e2d\u6587\u5b57\u5178"), config), "");
}

TEST(Filter, NamesHowItEnded) {
  EXPECT_EQ(reason(row_of(kThinking, Finish::error)), "engine_error");
  EXPECT_EQ(reason(row_of(kThinking, Finish::length)), "no_end");
  Config config;
  config.require_end = false;
  EXPECT_EQ(reason(row_of(kThinking, Finish::length), config), "");
}

TEST(Filter, CatchesLoops) {
  EXPECT_EQ(reason(row_of(kThinking + times(" We need to find x.", 20))), "loop");
  EXPECT_EQ(reason(row_of(kThinking + times("0", 400))), "loop");
  EXPECT_EQ(reason(row_of(times("\u6211\u5011\u60f3\u3002", 30))), "loop");
  // The loop is cut off in the middle of a piece.
  EXPECT_EQ(reason(row_of(kThinking + times(" and so on and on", 15) + " and so", Finish::length)),
            "loop");
}

TEST(Filter, CatchesLinesThatComeBack) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += "The area is the sum of the rings.\nStep " + std::to_string(i) + ".\n";
  }
  EXPECT_EQ(reason(row_of(text)), "repeated_lines");
}

TEST(Filter, CatchesLoopsThatCount) {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    text += "Step " + std::to_string(i) +
            ": We use the same formula again to find the area of the ring and add it. ";
  }
  EXPECT_EQ(reason(row_of(text)), "repeated_ngrams");
}

TEST(Filter, CatchesAParagraphSaidTwiceMore) {
  EXPECT_EQ(reason(row_of(kThinking + "\n\nAgain: " + kThinking + "\n\nSo: " + kThinking)),
            "repeated_ngrams");
}

TEST(Filter, KeepsWorkingThatRepeatsItsForm) {
  std::string steps = "We evaluate from left to right and take every result modulo 10.\n";
  int value = 7;
  for (int i = 1; i <= 12; ++i) {
    const int next = (value * i + 3) % 10;
    steps += std::to_string(value) + " * " + std::to_string(i) +
             " + 3 = " + std::to_string(value * i + 3) + ", which is " + std::to_string(next) +
             " modulo 10\n";
    value = next;
  }
  EXPECT_EQ(reason(row_of(steps)), "");
  EXPECT_EQ(reason(row_of("Divide 1 by 3: 10 is 3 times 3 with 1 left over, so the digit 3 comes "
                          "again and again. The fraction is 0.333333333333 and never ends.")),
            "");
  EXPECT_EQ(reason(row_of("x^2 - 5x + 6 = 0\n(x - 2)(x - 3) = 0\nx = 2 or x = 3\nCheck x = 2: 4 - "
                          "10 + 6 = 0\nCheck x = 3: 9 - 15 + 6 = 0\nx^2 - 5x + 6 = 0 holds\n")),
            "");
}

TEST(Filter, CanBeOpened) {
  Config open;
  open.min_tokens = 0;
  open.min_characters = 0;
  open.require_end = false;
  open.max_tail_share = 1;
  open.max_repeated_lines = 1;
  open.max_repeated_ngrams = 1;
  EXPECT_EQ(reason(row_of(times("a", 500), Finish::length), open), "");
  EXPECT_EQ(reason(row_of("x"), open), "");
}

TEST(Filter, TakesHostileBytes) {
  EXPECT_EQ(reason(row_of(kThinking + std::string("\0\xff\xfe\xe2\x82", 5))), "");
  EXPECT_EQ(reason(row_of(std::string(4000, '\0'))), "loop");
  EXPECT_EQ(reason(row_of(times("\xff", 4000))), "loop");
}

TEST(Filter, IsConfiguredByName) {
  Config config;
  Fields fields("filter");
  describe(fields, config);
  fields.apply({{"require_end", false}, {"max_tail_share", 0.5}});
  EXPECT_FALSE(config.require_end);
  EXPECT_EQ(config.max_tail_share, 0.5);
  EXPECT_THROW(fields.apply({{"max_tail_share", 1.5}}), Error);
  EXPECT_THROW(fields.apply({{"min_tokens", -1}}), Error);
}

TEST(Apply, SplitsInOrderAndCounts) {
  std::vector<AugmentedDocument> rows = {row_of(kThinking), row_of(""), row_of(kThinking + " So."),
                                         row_of(""), row_of(times("ha ", 100))};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].document.id = std::to_string(i);
  }
  VectorSource<AugmentedDocument> source(rows);
  VectorSink<AugmentedDocument> kept;
  std::vector<std::pair<std::string, std::string>> rejected;
  const Counts counts =
      apply(Filter({}), source, kept, [&rejected](AugmentedDocument row, const Verdict& verdict) {
        rejected.emplace_back(row.document.id, verdict.reason);
      });
  EXPECT_EQ(kept.items(), (std::vector<AugmentedDocument>{rows[0], rows[2]}));
  EXPECT_TRUE(kept.finished());
  EXPECT_EQ(rejected, (std::vector<std::pair<std::string, std::string>>{
                          {"1", "empty"}, {"3", "empty"}, {"4", "loop"}}));
  EXPECT_EQ(dump_json(to_json(counts)),
            R"({"kept":2,"rejected":3,"reasons":{"empty":2,"loop":1}})");
}

}  // namespace
}  // namespace tpt::filter
