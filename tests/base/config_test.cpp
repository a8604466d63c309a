#include "base/config.h"

#include "base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt {
namespace {

enum class Policy { keep, drop };

struct Config {
  std::int64_t context_tokens = 2048;
  double rate = 0.5;
  bool strict = false;
  Policy policy = Policy::keep;
  std::vector<std::int64_t> budgets = {1, 2};
  std::string engine = "fake";
};

void describe(Fields& fields, Config& config) {
  fields.integer("context_tokens", config.context_tokens, "cut to this many tokens", 1, 4096);
  fields.number("rate", config.rate, "a share", 0, 1);
  fields.flag("strict", config.strict, "stop at the first bad item");
  fields.choice("policy", config.policy, {{"keep", Policy::keep}, {"drop", Policy::drop}},
                "at the cap");
  fields.integers("budgets", config.budgets, "tokens", 1);
  fields.text("engine", config.engine, "what writes");
}

std::string refusal(const Json& given) {
  Config config;
  Fields fields("augment");
  describe(fields, config);
  try {
    fields.apply(given);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "";
}

TEST(Config, ReadsTomlAndGivesItBack) {
  Config config;
  Fields fields("augment");
  describe(fields, config);
  fields.apply(parse_toml(
      "context_tokens = 100\nrate = 0.25\nstrict = true\npolicy = 'drop'\nbudgets = [5, 6]\n",
      "t"));
  EXPECT_EQ(config.context_tokens, 100);
  EXPECT_EQ(config.rate, 0.25);
  EXPECT_TRUE(config.strict);
  EXPECT_EQ(config.policy, Policy::drop);
  EXPECT_EQ(config.budgets, (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(
      dump_json(fields.to_json()),
      R"({"context_tokens":100,"rate":0.25,"strict":true,"policy":"drop","budgets":[5,6],"engine":"fake"})");
}

TEST(Config, TextOfACommandLineIsReadAsNumbers) {
  Config config;
  Fields fields("augment");
  describe(fields, config);
  fields.set("context_tokens", "1_000");
  EXPECT_EQ(config.context_tokens, 1000);
  fields.set("context_tokens", "1e3");
  fields.set("rate", "1e-2");
  EXPECT_EQ(config.rate, 0.01);
}

TEST(Config, RefusalsSayWhatWasGivenAndWhatIsAllowed) {
  EXPECT_EQ(refusal({{"context_tokens", 0}}),
            "augment.context_tokens: got 0, out of range; allowed: 1 to 4096");
  EXPECT_EQ(refusal({{"context_tokens", "many"}}),
            "augment.context_tokens: got \"many\", not a whole number; allowed: 1 to 4096");
  EXPECT_EQ(refusal({{"context_tokens", 1.5}}),
            "augment.context_tokens: got 1.5, not a whole number; allowed: 1 to 4096");
  EXPECT_EQ(refusal({{"policy", "trim"}}),
            "augment.policy: got \"trim\", not one of the allowed words; allowed: keep, drop");
  EXPECT_EQ(refusal({{"contxt_tokens", 5}}),
            "augment.contxt_tokens: there is no such option; did you mean context_tokens?");
  EXPECT_EQ(refusal({{"zzz", 5}}), "augment.zzz: there is no such option");
  EXPECT_EQ(refusal({{"rate", "nan"}}), "augment.rate: got \"nan\", out of range; allowed: 0 to 1");
  EXPECT_EQ(refusal(Json::array()), "augment: got [], allowed: a table of options");
}

TEST(Toml, ASyntaxErrorNamesItsPlace) {
  try {
    parse_toml("a = 1\nb = = 2\n", "recipe.toml");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(std::string(error.what()), testing::StartsWith("recipe.toml:2:")) << error.what();
  }
}

}  // namespace
}  // namespace tpt
