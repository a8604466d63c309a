#include "app/recipe.h"

#include "base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

fs::path write_recipe(const std::string& text) {
  const fs::path path = fs::temp_directory_path() / "tpt-recipe-test.toml";
  std::ofstream(path) << text;
  return path;
}

std::string problem_of(const std::string& text, const std::vector<std::string>& settings = {}) {
  try {
    read_recipe(write_recipe(text), settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "";
}

TEST(Recipe, EveryRecipeOfTheProjectIsRead) {
  int recipes = 0;
  for (const auto& entry : fs::directory_iterator(TPT_SOURCE_DIR "/recipes")) {
    Recipe recipe = read_recipe(entry.path(), {});
    EXPECT_FALSE(recipe.title.empty()) << entry.path();
    for (const fs::path& flow : recipe.flows) EXPECT_TRUE(fs::exists(flow)) << flow;
    if (recipe.has("train")) train::check(recipe.train);
    // The run fine-tunes what it has trained.
    recipe.finetune.init_from = "checkpoint";
    if (recipe.has("finetune")) train::check(recipe.finetune);
    ++recipes;
  }
  EXPECT_GE(recipes, 10);
}

TEST(Recipe, SettingsGoOverTheFile) {
  const Recipe recipe = read_recipe(TPT_SOURCE_DIR "/recipes/demo-lab.toml",
                                    {"experiment.seeds=4,5,6", "train.learning_rate=1e-4",
                                     "pack.shuffle_thinking=true", "corpus.strict=true"});
  EXPECT_EQ(recipe.experiment.seeds, (std::vector<std::int64_t>{4, 5, 6}));
  EXPECT_DOUBLE_EQ(recipe.train.learning_rate, 1e-4);
  EXPECT_TRUE(recipe.pack.shuffle_thinking);
}

TEST(Recipe, KnowsWhichOptionsOfTheModelWereGiven) {
  const Recipe recipe =
      read_recipe(TPT_SOURCE_DIR "/recipes/paper-mid-training-1.5b.toml", {"model.num_layers=3"});
  EXPECT_EQ(recipe.model_given, (std::set<std::string>{"max_positions", "num_layers"}));
  EXPECT_GE(recipe.model.max_positions, recipe.train.seq_length);
}

TEST(Recipe, TheRecordReadsBackAsTheSameRecipe) {
  const Recipe recipe = read_recipe(TPT_SOURCE_DIR "/recipes/demo-lab.toml", {"train.seed=9"});
  const Json record = recorded(recipe);
  const fs::path path = fs::temp_directory_path() / "tpt-recipe-test.json";
  std::ofstream(path) << dump_json_pretty(record);
  EXPECT_EQ(recorded(read_record(path)), record);
  fs::remove(path);
}

TEST(Recipe, MistakesAreNamed) {
  EXPECT_THAT(problem_of("[pakc]\n"), HasSubstr("pakc"));
  EXPECT_THAT(problem_of("[pack]\nsede = 1\n[augment]\n[engine]\n[lab]\n"), HasSubstr("seed"));
  EXPECT_THAT(problem_of("[augment]\n[engine]\n"), HasSubstr("[corpus] or [lab]"));
  EXPECT_THAT(problem_of("[corpus]\n[lab]\n"), HasSubstr("one of them"));
  EXPECT_THAT(problem_of("[corpus]\n[filter]\n"), HasSubstr("[filter] needs [augment]"));
  EXPECT_EQ(problem_of("[corpus]\nthinking_column = \"mind\"\n[filter]\n[pack]\n"), "");
  EXPECT_THAT(problem_of("[corpus]\nthinking_column = \"mind\"\n[engine]\n[augment]\n"),
              HasSubstr("the thinking is there"));
  EXPECT_THAT(problem_of("flows = [\"a.toml\"]\n[lab]\n"), HasSubstr("one or the other"));
  EXPECT_THAT(problem_of("[lab]\n", {"lab.documents"}), HasSubstr("section.option=value"));
  EXPECT_THAT(problem_of("[lab]\n", {"lba.documents=1"}), HasSubstr("lba"));
}

}  // namespace
}  // namespace tpt::app
