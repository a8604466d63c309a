// What stands in a step's folder before, after, and instead of it.
#include "app/stage.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

Stage stage_in(const fs::path& folder) {
  return {.step = "augment",
          .folder = folder,
          .recipe = {{"temperature", 1}},
          .writes = {"part-*.parquet", "rejected", "failed.jsonl", "README.md"}};
}

// What it was refused with.
std::string refusal(const Stage& stage, ErrorKind kind = ErrorKind::user) {
  try {
    run_stage(stage, [] { return Json::object(); });
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "";
}

TEST(Stage, LeavesAloneWhatNoStepHasWritten) {
  for (const char* name : {"README.md", "failed.jsonl", "part-00007.parquet"}) {
    const TemporaryFolder folder;
    storage::write_file_atomically(folder / name, "somebody's");
    EXPECT_THAT(refusal(stage_in(folder.path())), AllOf(HasSubstr(name), HasSubstr("--out")));
    EXPECT_EQ(storage::read_file(folder / name), "somebody's");
    EXPECT_FALSE(fs::exists(folder / "started.json"));
  }
  const TemporaryFolder folder;
  fs::create_directories(folder / "rejected");
  EXPECT_THAT(refusal(stage_in(folder.path())), HasSubstr("rejected"));
}

TEST(Stage, GoesOnBesideFilesThatItDoesNotWrite) {
  const TemporaryFolder folder;
  storage::write_file_atomically(folder / "corpus.jsonl", "somebody's");
  EXPECT_EQ(refusal(stage_in(folder.path())), "");
  // Its own files are no others'.
  storage::write_file_atomically(folder / "README.md", "its own");
  fs::remove(folder / "manifest.json");
  EXPECT_EQ(refusal(stage_in(folder.path())), "");
}

TEST(Stage, SaysWhyAFolderCannotBe) {
  EXPECT_THAT(refusal(stage_in("")), HasSubstr("--out"));
  const TemporaryFolder folder;
  storage::write_file_atomically(folder / "file", "no folder");
  for (const fs::path& impossible : {folder / "file", folder / "file/out", fs::path("/proc/out"),
                                     folder / std::string(300, 'x')}) {
    EXPECT_THAT(refusal(stage_in(impossible), ErrorKind::io),
                HasSubstr("cannot make the folder " + impossible.string()));
  }
}

TEST(Stage, IsGoneOnWithByAnUpdateWhereRowsFailed) {
  const TemporaryFolder folder;
  Stage stage = stage_in(folder.path());
  int calls = 0;
  const auto work = [&] { return Json{{"failed", 2 - calls++}}; };
  const auto failed = [&](storage::Update update) {
    stage.update = update;
    return run_stage(stage, work).at("failed");
  };
  EXPECT_EQ(failed(storage::Update::possible), 2);
  EXPECT_EQ(failed(storage::Update::possible), 2);
  EXPECT_EQ(failed(storage::Update::wanted), 1);
  EXPECT_EQ(failed(storage::Update::wanted), 0);
  EXPECT_EQ(failed(storage::Update::wanted), 0);
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace tpt::app
