#include "augment/answer.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::augment {
namespace {

Answer answer_to(std::string text, Finish finish = Finish::length) {
  engine::Response response;
  response.text = std::move(text);
  response.finish = finish;
  response.prompt_tokens = 5;
  response.generated_tokens = 7;
  return make_answer(response, "<think>\n", "</think>");
}

TEST(Answer, EndsBeforeTheEndTag) {
  EXPECT_EQ(answer_to("so x = 2.\n").thinking, "so x = 2.\n");
  EXPECT_EQ(answer_to("so x = 2.\n").finish, Finish::length);
  EXPECT_EQ(answer_to("so x = 2.</think>The answer is 2.").thinking, "so x = 2.");
  EXPECT_EQ(answer_to("so x = 2.</think>The answer is 2.").finish, Finish::stop);
  EXPECT_EQ(answer_to("</think>").thinking, "");
}

TEST(Answer, DoesNotRepeatTheStartTag) {
  EXPECT_EQ(answer_to("<think>\nso x = 2.").thinking, "so x = 2.");
  EXPECT_EQ(answer_to(" \n<think>so x = 2.").thinking, "so x = 2.");
  EXPECT_EQ(answer_to("so <think> x").thinking, "so <think> x");
  engine::Response response;
  response.text = "<think>\n\n</think>";
  EXPECT_EQ(make_answer(response, "", "").thinking, response.text);
}

TEST(Answer, HasNoHalfCodePointAtItsEnd) {
  for (const std::string whole : {"\u00e9", "\u2192", "\U0001F600"}) {
    EXPECT_EQ(answer_to("a" + whole).thinking, "a" + whole);
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      EXPECT_EQ(answer_to("a" + whole.substr(0, cut)).thinking, "a");
    }
  }
}

TEST(Answer, SurvivesTheJournal) {
  Answer answer = answer_to("line one\nline \"two\" \\ \t\u2192", Finish::stop);
  answer.seconds = 1.0 / 3.0;
  answer.context_bytes = 77;
  EXPECT_EQ(decode(encode(answer), "d"), answer);
  answer.thinking = std::string("nul \0 inside", 12);
  EXPECT_EQ(decode(encode(answer), "d"), answer);
}

TEST(Answer, IsUtf8AfterTheJournal) {
  EXPECT_EQ(answer_to("a\xff b").thinking, "a\ufffd b");
  EXPECT_EQ(answer_to("\xc3(\xe2\x86 \xed\xa0\x80 \xe2\x86").thinking,
            "\ufffd(\ufffd \ufffd\ufffd\ufffd ");
}

TEST(Answer, NamesDamage) {
  for (const char* value : {"", "{", "[]", "{}", "{\"finish\":\"stop\"}\nx"}) {
    try {
      decode(value, "doc-7");
      FAIL() << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find("doc-7"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace tpt::augment
