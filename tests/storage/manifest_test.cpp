#include "storage/manifest.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"

#include <gmock/gmock.h>

namespace tpt::storage {
namespace {

using testing::HasSubstr;

const Json kRecipe = {{"seed", 1}, {"rate", 1e-4}, {"deep", {{"name", "x"}, {"list", {1, 2}}}}};

// What refuses the step; "" where it is not refused.
std::string refusal(const std::filesystem::path& folder, const std::string& step,
                    const Json& recipe, const std::vector<FileDigest>& inputs) {
  try {
    (void)already_finished(folder, step, recipe, inputs);
  } catch (const Error& error) {
    return (error.kind() == ErrorKind::user ? "user: " : "other: ") + std::string(error.what());
  }
  return "";
}

class ManifestTest : public testing::Test {
 protected:
  ManifestTest() {
    spill(folder_ / "in", "abc");
    inputs_ = digest_inputs({folder_ / "in"});
  }

  void finish() {
    spill(out_ / "part", "result");
    write_manifest(out_,
                   {.step = "augment",
                    .recipe = kRecipe,
                    .inputs = inputs_,
                    .counts = {{"documents", 3}},
                    .seconds = 1.5},
                   {"part"});
  }

  TemporaryFolder folder_;
  std::filesystem::path out_ = folder_ / "out";
  std::vector<FileDigest> inputs_;
};

TEST_F(ManifestTest, TellsFinishedFromStarted) {
  EXPECT_FALSE(already_finished(out_, "augment", kRecipe, inputs_));
  EXPECT_FALSE(already_finished(out_, "augment", kRecipe, inputs_));
  EXPECT_EQ(read_manifest(out_), std::nullopt);
  finish();
  EXPECT_TRUE(already_finished(out_, "augment", kRecipe, inputs_));
  const auto manifest = read_manifest(out_);
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->step, "augment");
  EXPECT_EQ(manifest->recipe, kRecipe);
  EXPECT_EQ(manifest->inputs, inputs_);
  EXPECT_EQ(manifest->counts.at("documents"), 3);
  EXPECT_EQ(manifest->seconds, 1.5);
  ASSERT_EQ(manifest->outputs.size(), 1U);
  EXPECT_EQ(manifest->outputs[0].path, "part");
  EXPECT_EQ(manifest->outputs[0].bytes, 6);
}

TEST_F(ManifestTest, RefusesAnotherRecipeOrOtherInputsAndSaysWhatDiffers) {
  for (const bool finished : {false, true}) {
    EXPECT_EQ(refusal(out_, "augment", kRecipe, inputs_), "");
    if (finished) finish();
    EXPECT_THAT(refusal(out_, "filter", kRecipe, inputs_), HasSubstr("step: \"augment\" there"));
    Json other = kRecipe;
    other["deep"]["name"] = "y";
    EXPECT_THAT(refusal(out_, "augment", other, inputs_),
                testing::AllOf(testing::StartsWith("user: "), HasSubstr("deep.name: \"x\" there"),
                               HasSubstr("--out")));
    other = kRecipe;
    other["more"] = true;
    EXPECT_THAT(refusal(out_, "augment", other, inputs_), HasSubstr("more"));
    other = kRecipe;
    other.erase("seed");
    EXPECT_THAT(refusal(out_, "augment", other, inputs_), HasSubstr("seed is gone"));
    EXPECT_THAT(refusal(out_, "augment", kRecipe, {}), HasSubstr("1 input files there, 0 now"));
    auto changed = inputs_;
    changed[0].sha256 = "0";
    EXPECT_THAT(refusal(out_, "augment", kRecipe, changed), HasSubstr("other content"));
    auto moved = inputs_;
    moved[0].path = "elsewhere";
    EXPECT_EQ(refusal(out_, "augment", kRecipe, moved), "");
  }
}

TEST_F(ManifestTest, RefusesAnotherEngineThanTheOneThatItLearnt) {
  EXPECT_FALSE(already_finished(out_, "augment", kRecipe, inputs_));
  record_engine(out_, "http:small", Update::possible);
  EXPECT_EQ(refusal(out_, "augment", kRecipe, inputs_), "");
  record_engine(out_, "http:small", Update::possible);
  try {
    record_engine(out_, "http:large", Update::possible);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("engine: http:small there, http:large now"),
                                             HasSubstr("--update")));
  }
  record_engine(out_, "http:large", Update::wanted);
  record_engine(out_, "http:large", Update::possible);
}

TEST_F(ManifestTest, NamesDamagedRecords) {
  std::filesystem::create_directories(out_);
  for (const char* bytes :
       {"", "{", "[]", "{}", "\xFF", R"({"step": 1, "recipe": 2, "inputs": 3})"}) {
    spill(out_ / "started.json", bytes);
    EXPECT_NE(refusal(out_, "augment", kRecipe, inputs_), "") << bytes;
  }
  std::filesystem::remove(out_ / "started.json");
  for (const char* bytes : {"", "{", "[]", "{}"}) {
    spill(out_ / "manifest.json", bytes);
    EXPECT_THROW((void)read_manifest(out_), Error) << bytes;
  }
}

TEST_F(ManifestTest, DigestsFoldersInTheOrderOfNames) {
  std::filesystem::create_directories(folder_ / "d/b");
  spill(folder_ / "d/c", "");
  spill(folder_ / "d/b/z", "abc");
  spill(folder_ / "d/manifest.json", "{}");
  const auto files = digest_inputs({folder_ / "d"});
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].path, (folder_ / "d/b/z").string());
  EXPECT_EQ(files[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(files[1].sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_THROW((void)digest_inputs({folder_ / "none"}), Error);
}

TEST_F(ManifestTest, GoesOnWithOthersOnlyWhereThatIsWanted) {
  Json other = kRecipe;
  other["seed"] = 2;
  EXPECT_FALSE(already_finished(out_, "augment", kRecipe, inputs_));
  finish();
  try {
    (void)already_finished(out_, "augment", other, inputs_, Update::possible);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), HasSubstr("seed: 1 there, 2 now"));
    EXPECT_THAT(error.what(), HasSubstr("--update"));
  }
  EXPECT_TRUE(already_finished(out_, "augment", kRecipe, inputs_, Update::wanted));
  EXPECT_FALSE(already_finished(out_, "augment", other, inputs_, Update::wanted));
  EXPECT_EQ(read_manifest(out_), std::nullopt);
  // From here on it is a folder of the other recipe.
  EXPECT_FALSE(already_finished(out_, "augment", other, inputs_));
  EXPECT_THAT(refusal(out_, "augment", kRecipe, inputs_), HasSubstr("seed: 2 there, 1 now"));
  spill(folder_ / "in", "abd");
  const auto changed = digest_inputs({folder_ / "in"});
  EXPECT_THAT(refusal(out_, "augment", other, changed), HasSubstr("has other content"));
  EXPECT_FALSE(already_finished(out_, "augment", other, changed, Update::wanted));
}

}  // namespace
}  // namespace tpt::storage
