#include "engine/http_url.h"

#include "base/error.h"
#include "engine/api_key.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <type_traits>

namespace tpt::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HttpUrl, GetsItsPathByTheRules) {
  const auto at = [](std::string_view text) { return HttpUrl(text).at("/models"); };
  EXPECT_EQ(at("gpu-3:8000"), "http://gpu-3:8000/v1/models");
  EXPECT_EQ(at("http://gpu-3:8000"), "http://gpu-3:8000/v1/models");
  EXPECT_EQ(at("http://gpu-3:8000/"), "http://gpu-3:8000/v1/models");
  EXPECT_EQ(at("http://gpu-3:8000/v1/"), "http://gpu-3:8000/v1/models");
  EXPECT_EQ(at("HTTPS://host/team/llm/v1"), "https://host/team/llm/v1/models");
  EXPECT_EQ(at("https://host/api/v1/chat/completions"), "https://host/api/v1/models");
  EXPECT_EQ(at("https://host/v1/completions"), "https://host/v1/models");
  EXPECT_EQ(at("https://host/openai?api-version=1"), "https://host/openai/models?api-version=1");
  EXPECT_EQ(at("http://[::1]:8000#x"), "http://[::1]:8000/v1/models");
}

TEST(HttpUrl, KnowsHostAndPort) {
  EXPECT_EQ(HttpUrl("https://a.b/x").host(), "a.b");
  EXPECT_EQ(HttpUrl("https://a.b/x").port(), 443);
  EXPECT_EQ(HttpUrl("a.b").port(), 80);
  EXPECT_EQ(HttpUrl("http://u:p@[::1]:81").host(), "::1");
  EXPECT_EQ(HttpUrl("http://u:p@[::1]:81").port(), 81);
}

TEST(HttpUrl, ShowsNoUserAndNoQuery) {
  const HttpUrl url("https://anna:s3cret@host:8443/v1?token=abc");
  EXPECT_EQ(url.shown(), "https://host:8443/v1");
  EXPECT_EQ(url.at("/models"), "https://anna:s3cret@host:8443/v1/models?token=abc");
  EXPECT_EQ(url.redact("https://anna:s3cret@host and s3cret ?token=abc"),
            "https://[user]@host and [password] ?[query]");
}

TEST(HttpUrl, RefusesOthersWithoutShowingTheirPassword) {
  for (const char* wrong :
       {"", "ftp://host", "http://", "http://:80", "http://h:0", "http://h:65536", "http://h:8x",
        "http://h:", "http://a b", "http://[::1", "http://[::1]x", "http://h\n/v1"}) {
    EXPECT_THROW(HttpUrl{wrong}, Error) << wrong;
  }
  try {
    HttpUrl("ftp://anna:s3cret@host?k=s3cret");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), Not(HasSubstr("s3cret")));
  }
}

TEST(ApiKey, ComesFromTheEnvironmentOrAFile) {
  setenv("TPT_TEST_KEY", " sk-1234 \n", 1);
  EXPECT_EQ(ApiKey::load("TPT_TEST_KEY", "").authorization_header(),
            "Authorization: Bearer sk-1234");
  setenv("TPT_TEST_KEY", "", 1);
  EXPECT_TRUE(ApiKey::load("TPT_TEST_KEY", "").empty());
  unsetenv("TPT_TEST_KEY");
  EXPECT_TRUE(ApiKey::load("TPT_TEST_KEY", "").empty());
  EXPECT_EQ(ApiKey::load("", "").authorization_header(), "");
  const TemporaryFolder folder;
  const std::string file = folder / "key";
  std::ofstream(file) << "sk-file\n";
  EXPECT_EQ(ApiKey::load("TPT_TEST_KEY", file).authorization_header(),
            "Authorization: Bearer sk-file");
  std::ofstream(file) << "\n";
  EXPECT_THROW(ApiKey::load("", file), Error);
  EXPECT_THROW(ApiKey::load("", folder / "none"), Error);
  EXPECT_THROW(ApiKey::load("", folder.path().string()), Error);
}

TEST(ApiKey, IsNeverPartOfAMessage) {
  try {
    const ApiKey key("sk-12\r\nEvil: 34", "the file f");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("sk-12")));
  }
  const ApiKey key("sk-\"12/34", "here");
  EXPECT_EQ(key.redact("a sk-\"12/34 b sk-\\\"12\\/34"), "a [key] b [key]");
  static_assert(!std::is_convertible_v<ApiKey, std::string>);
  static_assert(!fmt::is_formattable<ApiKey>::value);
}

}  // namespace
}  // namespace tpt::engine
