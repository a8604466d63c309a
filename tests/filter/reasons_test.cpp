// Each reason by itself: what it must find, and what it must not.
#include "filter/arithmetic.h"
#include "filter/equations.h"
#include "filter/language.h"
#include "filter/leaked_prompt.h"
#include "filter/refusal.h"
#include "filter/restatement.h"
#include "filter/special_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::filter {
namespace {

bool is_false(const std::string& text, const std::string& document = "") {
  return !false_arithmetic(read_text(text), read_text(document)).empty();
}

TEST(Arithmetic, IsFalseWhereItIs) {
  for (const char* text :
       {"3 * 4 = 13", "So 3 * 4 = 13.", "We get $3 \\times 4 = 13$ apples.", "12 = 3 * 5",
        "3 \u00d7 4 = 13", "2 + 3 * 4 = 20", "\\frac{6}{2} + 1 = 7", "1,000 + 500 = 2,500",
        "2^10 = 1000 + 25", "10 / 4 = 3.5", "(2 + 3) * 4 = 25", "- 3 + 4 = 8", "x = 3 + 4 = 8",
        "50% * 20 = 11", "The cost is 3 x $68 = $214."}) {
    EXPECT_TRUE(is_false(text)) << text;
  }
}

TEST(Arithmetic, IsLeftAloneWhereItMeansSomethingElse) {
  for (const char* text : {"3 * 4 = 12",
                           "x + 3 * 4 = 13",
                           "2x = 3 * 4 = 12",
                           "7 / 2 = 3",
                           "1 / 3 = 0.33",
                           "22 / 7 = 3.14",
                           "2 / 3 = 67%",
                           "3 + 4 = 7 * 2 = 14",
                           "pages 3-5 = 3 pages",
                           "3 * 4 = 13?",
                           "Is 3 * 4 = 13? No.",
                           "If 3 * 4 = 13, then",
                           "3 * 4 = 13. Wait, that is 12.",
                           "5 * 3 = 1 mod 7",
                           "90 / 60 = 1 hour 30 minutes",
                           "5 * 20 = 1 dollar",
                           "3 * 4 = 12x",
                           "3 * 4 = 1.2 million",
                           "2 m * 3 = 5",
                           "`3 * 4 = 13`",
                           "a[3] * 4 = 13",
                           "10:30 + 2 = 12:30",
                           "5! + 3 = 123",
                           "f(3) + 4 = 10",
                           "half of 20 + 5 = 15",
                           "2 1/2 + 1 = 3 1/2",
                           "3 + 4 == 8",
                           "3 + 4 != 8",
                           "1,5 + 2 = 3,5",
                           "007 + 1 = 9",
                           "3 * 4 = 13 ... 3 * 4 = 12",
                           "600 * 4000^2 = 9,\\!600,\\!000,\\!000",
                           "12 x 1 and 1/4 = 15"}) {
    EXPECT_FALSE(is_false(text)) << text;
  }
  EXPECT_FALSE(is_false("3 * 4 = 13", "The poster says 3 * 4 = 13."));
  EXPECT_FALSE(is_false("9 + 5 = 2", "We calculate modulo 12."));
}

TEST(Arithmetic, TakesHostileText) {
  EXPECT_FALSE(is_false(std::string(100'000, '=')));
  EXPECT_FALSE(is_false(std::string(100'000, '(') + "1 = 2"));
  std::string sums;
  for (int i = 0; i < 20'000; ++i) sums += "1+1=3?";
  EXPECT_FALSE(is_false(sums));
  std::string dashes;
  for (int i = 0; i < 20'000; ++i) dashes += "-1^";
  EXPECT_FALSE(is_false(dashes + " = 4"));
}

std::string contradicted(const std::string& thinking, const std::string& document) {
  return contradicted_number(read_text(thinking), read_text(document));
}

TEST(Restatement, FindsAnotherNumberInTheSameWords) {
  const std::string document =
      "The old harbour bridge of the city carries 42 trains every working day. It opened in 1932.";
  EXPECT_NE(contradicted("The old harbour bridge of the city carries 24 trains every working day.",
                         document),
            "");
  EXPECT_EQ(contradicted("The old harbour bridge of the city carries 42 trains every working day.",
                         document),
            "");
  EXPECT_EQ(contradicted(
                "If the old harbour bridge of the city carries 24 trains every working day, then",
                document),
            "");
  EXPECT_EQ(
      contradicted("The old harbour bridge of the city carries about 40 trains every working day.",
                   document),
      "");
  EXPECT_NE(contradicted("Edison filed the patent in 1889.", "Edison filed the patent in 1879."),
            "");
  EXPECT_NE(contradicted("Mount Sorrel last erupted in 1883, and nobody saw it.",
                         "Mount Sorrel last erupted in 1783, when a column rose."),
            "");
  EXPECT_EQ(contradicted("Step 3: look at it.", "Step 2: look at it."), "");
}

double foreign(const std::string& thinking, const std::string& document) {
  return language_drift(read_text(thinking), read_text(document)).share;
}

TEST(Language, IsTheDocumentsOwn) {
  const std::string english =
      "This is a text about the sea and how the wind makes the waves that we see from the shore "
      "when it is not calm.";
  const std::string french =
      "Le texte parle de la mer et du vent qui fait les vagues que nous voyons de la plage quand "
      "il n'est pas calme du tout.";
  const std::string dutch =
      "De tekst gaat over de zee en hoe de wind de golven maakt die wij van het strand zien als "
      "het niet rustig is, maar ook over het zand.";
  EXPECT_EQ(foreign(english, english), 0);
  EXPECT_EQ(foreign(french, french), 0);
  EXPECT_GT(foreign(english, french), 0.9);
  EXPECT_GT(foreign(dutch, english), 0.9);
  EXPECT_GT(foreign(english + " " + french + " " + french, english), 0.3);
  EXPECT_EQ(foreign(english, "x = 3"), 0);
  EXPECT_EQ(foreign("```\n" + french + "\n```", english), 0);
  EXPECT_EQ(foreign(english + "\n\"" + french + "\"", english + " " + french), 0);
}

std::string refusal(const std::string& thinking, const std::string& document = "") {
  return refusal_in(read_text(thinking), read_text(document));
}

TEST(Refusal, IsTheModelsOwn) {
  EXPECT_NE(refusal("I'm sorry, but I can't assist with that."), "");
  EXPECT_NE(refusal("I\u2019m sorry, but I can\u2019t help you with this request."), "");
  EXPECT_NE(refusal("The text is short. As an AI language model, I cannot judge it."), "");
  EXPECT_EQ(refusal("He said: \"I'm sorry, but I can't help you.\""), "");
  EXPECT_EQ(refusal("I'm sorry, but I can't help you, she says.",
                    "\"I'm sorry, but I can't help you,\" she says."),
            "");
  EXPECT_EQ(refusal("I can't see why the sum converges. Let me try another way."), "");
  // Cut off between the bytes of a character.
  for (std::size_t bytes = 0; bytes < 40; ++bytes) {
    const std::string sentence =
        "\u5f88\u62b1\u6b49\uff0c\u6211\u65e0\u6cd5\u63d0\u4f9b\u5e2e\u52a9\u3002";
    refusal(sentence.substr(0, std::min(bytes, sentence.size())));
  }
}

TEST(SpecialTokens, LeakWhereTheDocumentHasNone) {
  EXPECT_EQ(leaked_special_token("The end.<|im_end|>", "A text."), "<|im_end|>");
  EXPECT_EQ(leaked_special_token("The end.<|im_end|>", "ChatML has <|im_start|>."), "");
  EXPECT_EQ(leaked_special_token("The mean of <|x|> is 3.", "A text."), "");
  EXPECT_EQ(leaked_special_token("Write `<|im_end|>` there.", "A text."), "");
  EXPECT_EQ(leaked_special_token("Text</s>", "A text."), "</s>");
  EXPECT_EQ(leaked_special_token("<p>Text</s></p>", "A text."), "");
}

TEST(LeakedPrompt, IsTheTemplatesWording) {
  const PromptPieces pieces({"{{CONTEXT}}\n## End of the context\nSimulate an expert's in-depth "
                             "thought process as they read."},
                            6);
  const auto find = [&pieces](const std::string& thinking, const std::string& document) {
    return pieces.find(read_text(thinking), read_text(document));
  };
  EXPECT_EQ(find("I will simulate an expert\u2019s in-depth thought process here.", ""),
            "Simulate an expert's in-depth");
  EXPECT_EQ(find("## End of the context", ""), "## End of the context");
  EXPECT_EQ(find("An expert's process of thought is deep.", ""), "");
  EXPECT_EQ(find("simulate an expert's in-depth thought process",
                 "They simulate an expert's in-depth thought process."),
            "");
}

}  // namespace
}  // namespace tpt::filter
