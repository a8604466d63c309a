#include "app/training_folder.h"

#include "base/error.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <optional>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string refusal(ErrorKind kind, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return "";
}

TEST(TrainingFolder, IsForOneAtATime) {
  const TemporaryFolder folder;
  const fs::path out = folder / "a" / "b";
  std::optional<TrainingFolder> first(out);
  EXPECT_TRUE(fs::is_directory(out));
  EXPECT_THAT(refusal(ErrorKind::user, [&] { TrainingFolder{out}; }), HasSubstr("is in use"));
  const TrainingFolder another(folder / "a" / "c");
  first.reset();
  const TrainingFolder again(out);
}

TEST(TrainingFolder, SaysInWordsWhatCannotBeAFolder) {
  const TemporaryFolder folder;
  std::ofstream(folder / "file") << "text";
  EXPECT_THAT(refusal(ErrorKind::user, [&] { TrainingFolder{folder / "file"}; }),
              HasSubstr("that is a file"));
  EXPECT_THAT(refusal(ErrorKind::io, [&] { TrainingFolder{folder / "file" / "below"}; }),
              HasSubstr("cannot be made"));
  EXPECT_THAT(refusal(ErrorKind::io, [] { TrainingFolder{"/proc/run"}; }),
              HasSubstr("cannot be made"));
  // There, and nothing can be written to it.
  EXPECT_THAT(refusal(ErrorKind::io, [] { TrainingFolder{"/proc"}; }), HasSubstr("cannot open"));
  EXPECT_THAT(refusal(ErrorKind::user, [] { TrainingFolder{"s3://bucket/run"}; }), HasSubstr("S3"));
}

TEST(TrainingFolder, ForgetsAStartThatLeftNothing) {
  const TemporaryFolder folder;
  const auto forgets = [&] {
    std::ofstream(folder / "started.json") << "{}";
    TrainingFolder(folder.path()).forget_failed_start();
    return !fs::exists(folder / "started.json");
  };
  EXPECT_TRUE(forgets());
  std::ofstream(folder / "metrics.jsonl") << "";
  EXPECT_FALSE(forgets());
}

}  // namespace
}  // namespace tpt::app
