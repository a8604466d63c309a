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

}  // namespace
}  // namespace tpt::app
