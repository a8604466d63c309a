#include "filter/words.h"

#include "base/random.h"
#include "filter/copying.h"
#include "filter/repetition.h"
#include "filter/slow_words.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tpt::filter {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const Word& word : find_words(text)) {
    std::string one(text.substr(word.begin, word.end - word.begin));
    for (char& c : one) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    EXPECT_EQ(word.hash, word_hash(one));
    words.push_back(one);
  }
  return words;
}

TEST(Words, AreRunsOfLettersOrSingleCharacters) {
  EXPECT_EQ(words_of("It's caf\u00e9-Time, 12.5!"),
            (std::vector<std::string>{"it", "s", "caf\u00e9", "time", "12", "5"}));
  EXPECT_EQ(words_of("\u4e2d\u6587 \u2192"),
            (std::vector<std::string>{"\u4e2d", "\u6587", "\u2192"}));
  EXPECT_EQ(words_of("a\u4e2db"), (std::vector<std::string>{"a", "\u4e2d", "b"}));
  EXPECT_EQ(words_of(std::string_view("\xff\xc3", 2)).size(), 0U);
  EXPECT_TRUE(words_of(" \n\t").empty());
}

// What was typed on another keyboard is the same word.
TEST(Words, LeaveTypographyOut) {
  EXPECT_EQ(words_of("It\u2019s \u201cso\u201d \u2014 yes\u2026"),
            words_of("It's \"so\" - yes..."));
  EXPECT_EQ(words_of("\u4e2d\uff0c\u6587\u3002"), words_of("\u4e2d\u6587"));
}

std::string random_text(Random& random) {
  static const std::vector<std::string> kPieces = {
      "a",      "B",      "ab",     " ",      " ",        " ",         "\n",
      ".",      "1",      "\u00e9", "\u0436", "\u4e2d",   "\u2019",    "\u3002",
      "\uff0c", "\u2192", "\xff",   "\xc3",   "\xe2\x80", "\U0001f600"};
  std::string text;
  for (std::uint64_t i = random.below(200); i > 0; --i)
    text += kPieces[random.below(kPieces.size())];
  return text;
}

TEST(Words, EqualTheSlowWay) {
  Random random(11);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = random_text(random);
    ASSERT_EQ(words_of(text), slow_words(text)) << text;
  }
}

TEST(Ngrams, GiveTheSharesOfTheSlowWay) {
  Random random(12);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = random_text(random);
    const std::string other = random_text(random);
    const std::size_t n = 1 + random.below(4);
    ASSERT_DOUBLE_EQ(repeated_ngram_share(find_words(text), n),
                     slow_ngram_share(slow_words(text), n))
        << text;
    ASSERT_DOUBLE_EQ(
        copied_share(ngram_hashes(find_words(text), n), ngram_hashes(find_words(other), n), n),
        slow_copied_share(slow_words(text), slow_words(other), n))
        << text << "|" << other;
  }
}

TEST(Ngrams, TellTheirOrderAndLength) {
  const auto hashes = [](std::string_view text, std::size_t n) {
    const auto all = ngram_hashes(find_words(text), n);
    return std::set<std::uint64_t>(all.begin(), all.end());
  };
  EXPECT_EQ(hashes("a b c d", 5).size(), 0U);
  EXPECT_EQ(hashes("a b c d", 0).size(), 0U);
  EXPECT_EQ(hashes("a b a b a b", 2).size(), 2U);
  EXPECT_NE(hashes("a b", 2), hashes("b a", 2));
  EXPECT_EQ(hashes("a b c", 3), hashes("A, B: C!", 3));
}

}  // namespace
}  // namespace tpt::filter
