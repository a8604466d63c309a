#include "engine/answer_text.h"

#include <gtest/gtest.h>

namespace tpt::engine {
namespace {

TEST(AnswerText, StopsAcrossPieces) {
  AnswerText answer({"</think>", "END"});
  EXPECT_FALSE(answer.append("so </thi"));
  EXPECT_FALSE(answer.append("s and </th"));
  EXPECT_TRUE(answer.append("ink> more"));
  EXPECT_EQ(answer.text(), "so </this and ");
}

TEST(AnswerText, TheFirstOfSeveralStopsInOnePiece) {
  AnswerText answer({"c", "b", "", "bcd"});
  EXPECT_TRUE(answer.append("abcde"));
  EXPECT_EQ(answer.text(), "a");
}

TEST(AnswerText, ALongStopByteByByte) {
  const std::string stop = "\n\nQuestion:";
  AnswerText answer({stop});
  for (const char c : "\n\n\nQuestion" + std::string("?") + stop.substr(0, stop.size() - 1)) {
    EXPECT_FALSE(answer.append(std::string(1, c)));
  }
  EXPECT_TRUE(answer.append(":"));
  EXPECT_EQ(answer.text(), "\n\n\nQuestion?");
}

TEST(AnswerText, APartOfAStopAtTheEndIsText) {
  AnswerText answer({"</think>"});
  EXPECT_FALSE(answer.append("x </think"));
  EXPECT_EQ(answer.text(), "x </think");
}

TEST(AnswerText, InvalidBytesBecomeReplacementCharacters) {
  const auto text = [](std::string bytes) {
    AnswerText answer;
    answer.append(bytes);
    return answer.text();
  };
  EXPECT_EQ(text("\u00e9\u2192\U0001F600"), "\u00e9\u2192\U0001F600");
  EXPECT_EQ(text("a\xF0\x9F\x98"), "a");                            // cut off at the end
  EXPECT_EQ(text("a\xF0\x9F\x98z"), "a\uFFFDz");                    // cut off in the middle
  EXPECT_EQ(text("\x80\xFF"), "\uFFFD\uFFFD");                      // stray bytes
  EXPECT_EQ(text("\xC0\xAF"), "\uFFFD\uFFFD");                      // overlong
  EXPECT_EQ(text("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");            // a surrogate
  EXPECT_EQ(text("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // above U+10FFFF
  EXPECT_EQ(text(std::string("a\0b", 3)), std::string("a\0b", 3));
}

}  // namespace
}  // namespace tpt::engine
