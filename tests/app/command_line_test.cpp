#include "app/command_line.h"

#include "base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tpt::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct First {
  std::int64_t seed = 1;
  std::int64_t max_tokens = 10;
  bool shuffle = true;
  std::vector<std::string> stop;
  std::vector<std::int64_t> budgets = {1, 2};
};

void describe(Fields& fields, First& config) {
  fields.integer("seed", config.seed, "first seed", 0);
  fields.integer("max_tokens", config.max_tokens, "cap", 1, 100);
  fields.flag("shuffle", config.shuffle, "in random order");
  fields.texts("stop", config.stop, "stops");
  fields.integers("budgets", config.budgets, "budgets");
}

struct Second {
  std::int64_t seed = 2;
};

void describe(Fields& fields, Second& config) {
  fields.integer("seed", config.seed, "second seed", 0);
}

struct Parsed {
  First first;
  Second second;
  std::vector<std::string> inputs;
  std::string out;
};

Parsed parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  CommandLine line("pack", "Packs");
  line.inputs("IN", parsed.inputs, "what to pack");
  line.text("out", parsed.out, "where", true);
  line.section("pack", parsed.first);
  line.section("train", parsed.second);
  EXPECT_TRUE(line.parse(arguments));
  return parsed;
}

std::string problem_of(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "";
}

TEST(CommandLine, AnOptionTakesOneValueWhereverItStands) {
  const Parsed parsed = parse({"--max-tokens", "7", "a", "--out", "b", "c", "--stop", "x", "d",
                               "--stop", "y", "--budgets", "3,4", "e", "--no-shuffle", "f"});
  EXPECT_THAT(parsed.inputs, ElementsAre("a", "c", "d", "e", "f"));
  EXPECT_THAT(parsed.first.stop, ElementsAre("x", "y"));
  EXPECT_THAT(parsed.first.budgets, ElementsAre(3, 4));
  EXPECT_EQ(parsed.out, "b");
}

TEST(CommandLine, ValuesInBracketsStayAsTheyAre) {
  const Parsed parsed =
      parse({"in", "--out", "[b]", "--stop", "[/THINK]", "--stop", "[one, two]", "--stop", "[]"});
  EXPECT_EQ(parsed.out, "[b]");
  EXPECT_THAT(parsed.first.stop, ElementsAre("[/THINK]", "[one, two]", "[]"));
}

TEST(CommandLine, FlagsSetTheFieldsOfSections) {
  const Parsed parsed = parse({"a", "b", "--out", "o", "--max-tokens", "5", "--no-shuffle",
                               "--stop", "x,y", "--stop", "z", "--budgets", "3,4e2"});
  EXPECT_THAT(parsed.inputs, ElementsAre("a", "b"));
  EXPECT_EQ(parsed.out, "o");
  EXPECT_EQ(parsed.first.max_tokens, 5);
  EXPECT_FALSE(parsed.first.shuffle);
  EXPECT_THAT(parsed.first.stop, ElementsAre("x,y", "z"));
  EXPECT_THAT(parsed.first.budgets, ElementsAre(3, 400));
}

TEST(CommandLine, NamesOfTwoSectionsCarryTheirSection) {
  const Parsed parsed = parse({"a", "--out", "o", "--pack-seed", "7", "--train-seed", "8"});
  EXPECT_EQ(parsed.first.seed, 7);
  EXPECT_EQ(parsed.second.seed, 8);
  EXPECT_THAT(problem_of({"a", "--out", "o", "--seed", "7"}), HasSubstr("--seed"));
}

TEST(CommandLine, FlagsGoOverTheRecipeAndTheRecipeOverDefaults) {
  const auto path = std::filesystem::temp_directory_path() / "tpt-command-line-test.toml";
  std::ofstream(path) << "[pack]\nseed = 5\nmax_tokens = 6\n[lab]\nanything = 1\n";
  const Parsed parsed = parse({"a", "--out", "o", "--recipe", path.string(), "--max-tokens", "9"});
  EXPECT_EQ(parsed.first.seed, 5);
  EXPECT_EQ(parsed.first.max_tokens, 9);
  EXPECT_EQ(parsed.second.seed, 2);
  std::ofstream(path) << "[pakc]\nseed = 5\n";
  EXPECT_THAT(problem_of({"a", "--out", "o", "--recipe", path.string()}), HasSubstr("pakc"));
  std::ofstream(path) << "[pack]\nsede = 5\n";
  EXPECT_THAT(problem_of({"a", "--out", "o", "--recipe", path.string()}),
              HasSubstr("did you mean seed"));
  std::filesystem::remove(path);
}

TEST(CommandLine, MistakesNameWhatWasGivenAndWhatIsAllowed) {
  EXPECT_THAT(problem_of({"a"}), HasSubstr("--out"));
  EXPECT_THAT(problem_of({"--out", "o"}), HasSubstr("IN is missing"));
  EXPECT_THAT(problem_of({"a", "--out", "o", "--max-tokens", "500"}),
              testing::AllOf(HasSubstr("500"), HasSubstr("1 to 100")));
  EXPECT_THAT(problem_of({"a", "--out", "o", "--max-tokens", "many"}), HasSubstr("many"));
  EXPECT_THAT(problem_of({"a", "--out", "o", "--nothing", "x"}), HasSubstr("--nothing"));
}

TEST(CommandLine, OneInputIsNeitherNoneNorTwo) {
  const auto parse_one = [](const std::vector<std::string>& arguments) {
    std::string shards;
    CommandLine line("train", "Trains");
    line.input("SHARDS", shards, "what to train on");
    EXPECT_TRUE(line.parse(arguments));
    return shards;
  };
  EXPECT_EQ(parse_one({"a"}), "a");
  EXPECT_THROW(parse_one({}), Error);
  EXPECT_THROW(parse_one({"a", "b"}), Error);
}

TEST(CommandLine, KnowsWhichOptionsWereGiven) {
  const auto recipe = std::filesystem::temp_directory_path() / "tpt-given-test.toml";
  std::ofstream(recipe) << "[pack]\nmax_tokens = 10\n";
  First first;
  Second second;
  CommandLine line("pack", "Packs");
  line.section("pack", first);
  line.section("train", second);
  ASSERT_TRUE(line.parse(std::vector<std::string>{"--recipe", recipe.string(), "--no-shuffle"}));
  EXPECT_THAT(line.given("pack"), ElementsAre("max_tokens", "shuffle"));
  EXPECT_THAT(line.given("train"), testing::IsEmpty());
  std::filesystem::remove(recipe);
}

}  // namespace
}  // namespace tpt::app
