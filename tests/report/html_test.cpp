#include "report/html.h"

#include "report/number_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace tpt::report {
namespace {

TEST(EscapeHtml, EscapesWhatMeansSomething) {
  EXPECT_EQ(escape_html("<a href=\"x\" b='y'>&amp;"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;");
  EXPECT_EQ(escape_html("grüße, 日本, 🙂\n\t"), "grüße, 日本, 🙂\n\t");
}

TEST(EscapeHtml, ShowsWhatCannotBeSeen) {
  EXPECT_EQ(escape_html(std::string_view("a\0b", 3)), "a␀b");
  EXPECT_EQ(escape_html("\x1b\x7f"), "␛␡");
  EXPECT_EQ(escape_html("\xE2\x80\xAE"
                        "abc"),
            "[U+202E]abc");
  EXPECT_EQ(escape_html("\r"), "&#13;");
}

TEST(EscapeHtml, ReplacesWhatIsNotUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(escape_html("a\xff"
                        "b"),
            "a" + bad + "b");
  EXPECT_EQ(escape_html("\xc3("), bad + "(");
  EXPECT_EQ(escape_html("\xc0\xbc"), bad + bad);            // an overlong "<"
  EXPECT_EQ(escape_html("\xed\xa0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(escape_html("\xf4\x90\x80\x80").size(), 12U);   // beyond U+10FFFF
  EXPECT_EQ(escape_html("\xe2\x82"), bad + bad);            // cut off
  EXPECT_EQ(escape_html("\xe2\x82<"), bad + bad + "&lt;");  // and does not swallow what follows
}

TEST(EscapeHtml, NoBytesGetThrough) {
  std::mt19937 random(1);
  const std::string likely("<>&\"'\xe2\x80\xa8\xf0\x9f\xed\xa0\xc3\xff\0", 15);
  for (int trial = 0; trial < 20000; ++trial) {
    std::string bytes;
    for (std::size_t i = random() % 12; i > 0; --i) {
      bytes += random() % 4 != 0 ? likely[random() % likely.size()] : static_cast<char>(random());
    }
    EXPECT_EQ(escape_html(bytes).find_first_of(std::string_view("<>\"'\0", 5)), std::string::npos);
    EXPECT_EQ(json_for_script(Json(bytes)).find_first_of("<>&"), std::string::npos);
  }
}

TEST(JsonForScript, CannotEndTheScript) {
  const Json json = {{"</script><!--&", "\xE2\x80\xA8\xE2\x80\xA9é"}};
  const std::string text = json_for_script(json);
  EXPECT_EQ(text, "{\"\\u003c/script\\u003e\\u003c!--\\u0026\":\"\\u2028\\u2029é\"}");
  EXPECT_EQ(Json::parse(text), json);
}

TEST(CspHash, IsTheBase64OfSha256) {
  // printf abc | openssl dgst -sha256 -binary | base64
  EXPECT_EQ(csp_hash("abc"), "'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='");
  EXPECT_EQ(csp_hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
}

TEST(NumberText, ReadsAsAPersonWrites) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1234567), "1,234,567");
  EXPECT_EQ(count_text(-1234), "-1,234");
  EXPECT_EQ(short_count_text(999.4), "999");
  EXPECT_EQ(short_count_text(999.5), "1 k");
  EXPECT_EQ(short_count_text(250000), "250 k");
  EXPECT_EQ(short_count_text(1234567), "1.23 M");
  EXPECT_EQ(short_count_text(2e6), "2 M");
  EXPECT_EQ(percent_text(0.6333), "63.3 %");
  EXPECT_EQ(percent_text(std::numeric_limits<double>::quiet_NaN()), "–");
  EXPECT_EQ(seconds_text(4.25), "4.3 s");
  EXPECT_EQ(seconds_text(59.96), "1 min 0 s");
  EXPECT_EQ(seconds_text(3725), "1 h 2 min");
  EXPECT_EQ(flops_text(7.2e12), "7.20 × 10¹²");
  EXPECT_EQ(flops_text(0), "0");
}

TEST(CutText, CutsBetweenCharacters) {
  EXPECT_EQ(cut_text("aé", 2), "a");
  EXPECT_EQ(cut_text("aé", 3), "aé");
  EXPECT_EQ(cut_text("🙂🙂", 7), "🙂");
  EXPECT_EQ(cut_text("\x80\x80\x80\x80\x80\x80\x80\x80", 6).size(), 2U);  // not text: still an end
}

}  // namespace
}  // namespace tpt::report
