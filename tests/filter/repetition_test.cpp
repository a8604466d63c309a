#include "filter/repetition.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::filter {
namespace {

// The obvious way: every period, every length of the end.
double slow_tail_share(std::string_view text) {
  std::size_t longest = 0;
  for (std::size_t period = 1; 3 * period <= text.size(); ++period) {
    std::size_t length = period;
    while (length < text.size() &&
           text[text.size() - 1 - length] == text[text.size() - 1 - (length - period)]) {
      ++length;
    }
    if (length >= 3 * period) {
      longest = std::max(longest, length);
    }
  }
  return text.empty() ? 0 : static_cast<double>(longest) / static_cast<double>(text.size());
}

TEST(RepeatedTail, GivesTheShareOfTheLoopAtTheEnd) {
  EXPECT_EQ(repeated_tail_share(""), 0);
  EXPECT_EQ(repeated_tail_share("abc"), 0);
  EXPECT_EQ(repeated_tail_share("abab"), 0);
  EXPECT_EQ(repeated_tail_share("ababab"), 1);
  EXPECT_EQ(repeated_tail_share("xyababa"), 0);
  EXPECT_DOUBLE_EQ(repeated_tail_share("xyabcabcabcab"), 11.0 / 13.0);
  EXPECT_EQ(repeated_tail_share("ab\n ab\n ab\n ab\n"), repeated_tail_share("ab\n ab\n ab\n ab"));
}

TEST(RepeatedTail, EqualsTheSlowWay) {
  Random random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    const std::uint64_t length = random.below(40);
    for (std::uint64_t k = 0; k < length; ++k) {
      text += static_cast<char>('a' + random.below(2));
    }
    ASSERT_DOUBLE_EQ(repeated_tail_share(text), slow_tail_share(text)) << text;
  }
}

TEST(RepeatedTail, IsFoundAboveAShareAsTheShareSays) {
  Random random(8);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::uint64_t k = random.below(100); k > 0; --k)
      text += static_cast<char>('a' + random.below(26));
    std::string piece;
    for (std::uint64_t k = 1 + random.below(30); k > 0; --k)
      piece += static_cast<char>('a' + random.below(26));
    for (std::uint64_t k = random.below(6); k > 0; --k) text += piece;
    text += piece.substr(0, random.below(piece.size()));
    for (const double share : {0.05, 0.25, 0.5, 0.9}) {
      ASSERT_EQ(has_repeated_tail(text, share), slow_tail_share(text) > share) << text;
    }
  }
}

TEST(RepeatedTail, TakesTimeInProportion) {
  std::string text(10'000'000, 'a');
  EXPECT_EQ(repeated_tail_share(text), 1);
  text.back() = 'b';
  EXPECT_EQ(repeated_tail_share(text), 0);
}

TEST(RepeatedLines, CountsOnlyLongLinesSeenBefore) {
  EXPECT_EQ(repeated_line_share(""), 0);
  EXPECT_EQ(repeated_line_share("x = 1\nx = 1\nx = 1\n"), 0);
  const std::string line = "the same long line of text";
  EXPECT_DOUBLE_EQ(repeated_line_share(line + "\n  " + line + " \n\n" + line), 2.0 / 3.0);
  EXPECT_EQ(repeated_line_share(line + "\nanother long line of text"), 0);
}

TEST(RepeatedNgrams, CountsWordsOnce) {
  const auto share = [](std::string_view text, std::size_t n) {
    return repeated_ngram_share(find_words(text), n);
  };
  EXPECT_EQ(share("", 4), 0);
  EXPECT_EQ(share("a b c", 4), 0);
  EXPECT_EQ(share("a b c d e f", 2), 0);
  EXPECT_DOUBLE_EQ(share("a b c a b c", 3), 0.5);
  EXPECT_DOUBLE_EQ(share("a a a a", 2), 0.75);
  EXPECT_DOUBLE_EQ(share("A b. x A, B. y", 2), 2.0 / 6.0);
}

}  // namespace
}  // namespace tpt::filter
