// The fast parser against the one it stands in for: it takes nothing that the other refuses.
#include "corpus/json_text.h"

#include "base/json.h"
#include "base/random.h"
#include "corpus/field_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tpt::corpus {
namespace {

const std::vector<std::string> kTexts = {
    R"({"text": "a", "n": [1, 2.5e3, -0, true, null], "o": {"p": "\u00e9\n\"q\\"}})",
    R"({"a":"\ud83d\ude00 and \u0000 and \/"})",
    "{\"a\": \"caf\xC3\xA9 \xF0\x9F\x98\x80\"}",
    R"([[],{},[{"x":[1]}]])",
    R"("only a text")",
    "{\"number\": 1e308, \"small\": 4.9e-324, \"long\": 123456789012345678901234567890}"};

TEST(JsonText, TakesJson) {
  for (const std::string& text : kTexts) {
    // Surrogates and great exponents are left to the other.
    const bool left =
        text.find("\\ud") != std::string::npos || text.find("e308") != std::string::npos;
    EXPECT_EQ(is_surely_json(text, 10), !left) << text;
  }
}

TEST(JsonText, TakesNothingElse) {
  for (const std::string text : {"",
                                 "{",
                                 "{\"a\":1}}",
                                 "{\"a\":01}",
                                 "{'a':1}",
                                 "{\"a\":1,}",
                                 "[1,]",
                                 "nan",
                                 "11e308",
                                 "1e999",
                                 "\"\\ud800\"",
                                 "\"\xC0\xAF\"",
                                 "\"\xED\xA0\x80\"",
                                 "\"a\nb\"",
                                 "{\"a\":1} x",
                                 "// c\n{}",
                                 "+1",
                                 ".5",
                                 "5.",
                                 "\xEF\xBB\xBF{}",
                                 "[1] \x01"}) {
    EXPECT_FALSE(is_surely_json(text, 10)) << text;
  }
  EXPECT_FALSE(is_surely_json(std::string("{}\0garbage", 10), 10));
  EXPECT_FALSE(is_surely_json("[[[]]]", 2));
  EXPECT_TRUE(is_surely_json("[[[]]]", 3));
  EXPECT_FALSE(is_surely_json(std::string(1'000'000, '['), kMaxDepth));
}

// Texts with a few bytes put in, taken out or changed: whatever is taken, nlohmann takes too.
TEST(JsonText, AgreesOnDamagedTexts) {
  Random random(7);
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text = kTexts[random.below(kTexts.size())];
    for (std::uint64_t change = random.below(3) + 1; change > 0; --change) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      constexpr std::string_view kSigns =
          "\"\\{}[]:,eE+-.019untf \t\r\n\x00\x1F\x80\xC3\xED\xF4\xFF";
      const char sign = kSigns[random.below(kSigns.size())];
      switch (random.below(3)) {
        case 0:
          text[at] = sign;
          break;
        case 1:
          text.insert(at, 1, sign);
          break;
        default:
          text.erase(at, 1);
      }
      if (text.empty()) text = " ";
    }
    if (!is_surely_json(text, kMaxDepth)) continue;
    ++taken;
    EXPECT_TRUE(Json::accept(text)) << text;
  }
  EXPECT_GT(taken, 1000);
}

TEST(JsonText, DecodesAsTheOtherDoes) {
  for (const std::string text : {R"("plain")", R"("a\nb\t\"c\"\\ \u00e9 \ud83d\ude00 \/ \b\f\r")",
                                 R"("\u0000")", R"("")", "\"caf\xC3\xA9 \\n\""}) {
    EXPECT_EQ(decode_json_string(text), Json::parse(text).get<std::string>()) << text;
  }
}

TEST(FieldScanner, FindsTheEndOfEscapedTexts) {
  FieldScanner fields(R"({"a\\": "x\"y\\", "b": {"c\"}": ["]", "\\\""]}, "d": 1})");
  FieldScanner::Field field;
  ASSERT_TRUE(fields.next(field));
  EXPECT_EQ(field.key, R"("a\\")");
  EXPECT_EQ(field.value, R"("x\"y\\")");
  ASSERT_TRUE(fields.next(field));
  EXPECT_EQ(field.value, R"({"c\"}": ["]", "\\\""]})");
  ASSERT_TRUE(fields.next(field));
  EXPECT_EQ(field.value, "1");
  EXPECT_FALSE(fields.next(field));
}

}  // namespace
}  // namespace tpt::corpus
