#include "engine/thinking_text.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::engine {
namespace {

struct Case {
  const char* content;
  const char* thinking;
  const char* answer;
};

// One byte at a time and whole give the same.
void expect_parts(const Case& expected, std::string_view answer_start = {}, bool sent = false) {
  ThinkingText whole(answer_start, sent);
  whole.add_content(expected.content);
  ThinkingText bytes(answer_start, sent);
  for (const char c : std::string_view(expected.content)) bytes.add_content({&c, 1});
  for (const ThinkingText* text : {&whole, &bytes}) {
    EXPECT_EQ(text->part(AnswerPart::thinking), expected.thinking) << expected.content;
    EXPECT_EQ(text->part(AnswerPart::answer), expected.answer) << expected.content;
  }
}

TEST(ThinkingText, IsFoundBetweenTags) {
  expect_parts({"<think>a</think> b", "a", "b"});
  expect_parts({"\n<think>\na\n</think>\n\nb\n", "a\n", "b"});
  expect_parts({"a</think> b", "a", "b"});
  expect_parts({"a", "a", "a"});
  expect_parts({"<think>a", "a", ""});
  expect_parts({"<think>", "", ""});
  expect_parts({"", "", ""});
  expect_parts({"x <think>a</think> y <think>b</think> z", "a\nb", "x y z"});
  expect_parts({"a</think>b<think>c", "a\nc", "b"});
  expect_parts({"<think>a <think> b</think>c", "a <think> b", "c"});
  expect_parts({"a < b and <thin air", "a < b and <thin air", "a < b and <thin air"});
  expect_parts({"<think></think>b", "", "b"});
}

TEST(ThinkingText, TakesTheTagOfTheAnswerStart) {
  expect_parts({"<reasoning>a</reasoning>b", "a", "b"}, "<reasoning>\n");
  expect_parts({"<think>a</think>b", "<think>a</think>b", "<think>a</think>b"}, "<reasoning>");
  expect_parts({"a</think>b", "a", "b"}, "<think>\nSo far", true);
}

TEST(ThinkingText, ContinuesWhatWasSent) {
  // The line end belongs to the text that goes on.
  expect_parts({"\n\nsecond", "\n\nsecond", ""}, "<think>\nfirst", true);
  // A model that speaks of the tag while it thinks.
  expect_parts({"a <think> b</think>c", "a <think> b", "c"}, "<think>\n", true);
  // A server that repeats what it was given.
  expect_parts({"<think>\na</think>c", "a", "c"}, "<think>\n", true);
}

TEST(ThinkingText, AFieldOfItsOwnGoesFirst) {
  ThinkingText text;
  text.add_reasoning("\nwhy");
  EXPECT_EQ(text.part(AnswerPart::thinking), "why");
  EXPECT_FALSE(text.thinking_is_over());
  text.add_content("\n\n");
  EXPECT_FALSE(text.has_answer());
  text.add_content("so");
  EXPECT_TRUE(text.thinking_is_over());
  EXPECT_TRUE(text.has_answer());
  EXPECT_EQ(text.part(AnswerPart::thinking), "why");
  EXPECT_EQ(text.part(AnswerPart::answer), "so");
}

TEST(ThinkingText, GrowsOnlyAtItsEndWhileItIsWatched) {
  const std::string content = "\n<think>\nfirst second third</think> answer";
  ThinkingText text;
  std::string before;
  for (const char c : content) {
    text.add_content({&c, 1});
    const std::string now(text.thinking_so_far());
    // Until the tag is whole nobody knows that it is one.
    if (content.substr(0, text.bytes()).find("<think>") != std::string::npos) {
      if (before.find("<think") == std::string::npos) {
        EXPECT_TRUE(now.starts_with(before) || before.find('<') != std::string::npos ||
                    before == "\n");
      }
    }
    before = now;
  }
  EXPECT_EQ(before, "\nfirst second third");
  EXPECT_TRUE(text.has_answer());
}

}  // namespace
}  // namespace tpt::engine
