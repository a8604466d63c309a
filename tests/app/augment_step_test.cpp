// The step from its options to its folder.
#include "app/steps.h"
#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stop_token>
#include <string>
#include <vector>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

void write_corpus(const fs::path& file, const std::vector<std::string>& ids) {
  fs::create_directories(file.parent_path());
  std::string lines;
  for (const std::string& id : ids) {
    lines += dump_json(Json{{"id", id}, {"text", "Said of " + id}}) + "\n";
  }
  storage::write_file_atomically(file, lines);
}

class AugmentStep : public testing::Test {
 protected:
  AugmentStep() {
    engine_.engine = "fake";
    write_corpus(folder_ / "in/corpus.jsonl", {"a", "b", "c"});
    corpus_.inputs = {(folder_ / "in").string()};
  }

  Json run(const fs::path& out, const AugmentOptions& options = {}) {
    NoProgress silent;
    return augment_step(corpus_, engine_, config_, out, {.progress = silent, .stop = {}}, options);
  }

  // What it was refused with.
  std::string refusal(const fs::path& out, const AugmentOptions& options = {}) {
    try {
      run(out, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user) << error.what();
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
  corpus::Config corpus_;
  EngineConfig engine_;
  augment::Config config_;
};

TEST_F(AugmentStep, ContinuesOnlyWhereTheEngineCan) {
  config_.at_cap = augment::AtCap::go_on;
  EXPECT_EQ(refusal(folder_ / "fake"), "");
  // Nobody listens there.
  engine_.engine = "http://127.0.0.1:9/v1";
  engine_.http.http.model = "m";
  EXPECT_THAT(refusal(folder_ / "out"), HasSubstr("--prefill continue"));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(AugmentStep, ReadsNothingThatItWroteItself) {
  const fs::path out = folder_ / "in/out";
  AugmentOptions watched{.watch = true};
  EXPECT_EQ(run(out, watched).at("documents"), 3);
  ASSERT_TRUE(fs::exists(out / "README.md"));
  EXPECT_EQ(run(out, watched).at("documents"), 3);
  fs::remove(out / "manifest.json");
  EXPECT_EQ(run(out, watched).at("from_journal"), 3);
  config_.temperature = 0.1;
  watched.update = true;
  EXPECT_EQ(run(out, watched).at("documents"), 3);
  for (const char* glob : {"in/*", "in/**/*", "in/../in/**"}) {
    corpus_.inputs = {(folder_ / glob).string()};
    EXPECT_EQ(run(out, watched).at("documents"), 3) << glob;
  }
  corpus_.inputs = {(out / "rejected").string()};
  fs::create_directories(out / "rejected");
  EXPECT_THAT(refusal(out, watched), HasSubstr("is where the output goes"));
  corpus_.inputs = {out.string()};
  EXPECT_THAT(refusal(out, watched), HasSubstr("nothing but what the step itself has written"));
}

TEST_F(AugmentStep, MayWriteBesideItsDocumentsAndAboveThem) {
  const AugmentOptions watched{.watch = true};
  for (const char* out : {"in", "."}) {
    EXPECT_EQ(run(folder_ / out, watched).at("documents"), 3) << out;
    fs::remove(folder_ / out / "manifest.json");
    EXPECT_EQ(run(folder_ / out, watched).at("from_journal"), 3) << out;
    for (const char* name : {"README.md", "part-00000.parquet"}) fs::remove(folder_ / out / name);
  }
}

}  // namespace
}  // namespace tpt::app
