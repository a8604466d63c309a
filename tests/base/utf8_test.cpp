#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt {
namespace {

TEST(Utf8, WholeCodePoints) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8(std::string("a\0b and eight more", 18)));
  EXPECT_TRUE(is_utf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF4\x8F\xBF\xBF"));
}

TEST(Utf8, RefusesWhatIsNone) {
  for (const std::string bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
    EXPECT_FALSE(is_utf8("eight by" + bad + "tes and on")) << bad;
  }
}

TEST(Utf8, ReplacesWhatIsNone) {
  EXPECT_EQ(valid_utf8("plain \xE2\x86\x92"), "plain \u2192");
  EXPECT_EQ(valid_utf8("\xC3(\xE2\x86 \xED\xA0\x80|\xFF"),
            "\uFFFD(\uFFFD \uFFFD\uFFFD\uFFFD|\uFFFD");
  EXPECT_EQ(valid_utf8("cut \xE2\x86"), "cut \uFFFD");
  EXPECT_EQ(valid_utf8("cut \xE2\x86", CutEnd::dropped), "cut ");
  EXPECT_EQ(valid_utf8("\xE2\x86 cut", CutEnd::dropped), "\uFFFD cut");
}

// Over every start of blocks: the fast path takes 32 bytes at a time.
TEST(Utf8, FindsTheFirstBadByteAnywhere) {
  const std::string good = std::string(40, 'a') + "\u00E9\u2192" + std::string(70, 'b');
  for (std::size_t at = 0; at <= good.size(); ++at) {
    const std::string bad = good.substr(0, at) + "\xFF" + good.substr(at);
    const bool inside = (at == 41) || (at == 43) || (at == 44);
    EXPECT_EQ(valid_utf8_prefix(bad), inside ? (at == 41 ? 40U : 42U) : at) << at;
  }
}

}  // namespace
}  // namespace tpt
