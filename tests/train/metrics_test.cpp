#include "train/metrics.h"

#include "base/error.h"
#include "train/small_run.h"
#include "train/whole_folder.h"

#include <gtest/gtest.h>

#include <limits>

namespace tpt::train {
namespace {

TEST(Tally, KeepsKindsApartAndSurvivesJson) {
  Tally tally;
  tally.add(Kind::document, 1.0);
  tally.add(Kind::document, 2.0);
  tally.add(Kind::thinking, 0.1);
  EXPECT_DOUBLE_EQ(tally.mean(Kind::document), 1.5);
  EXPECT_DOUBLE_EQ(tally.mean(Kind::thinking), 0.1);
  EXPECT_DOUBLE_EQ(tally.mean(Kind::answer), 0.0);
  EXPECT_DOUBLE_EQ(tally.mean(), 3.1 / 3.0);
  EXPECT_EQ(tally_from_json(parse_json(dump_json(to_json(tally)), "tally")), tally);
  Tally twice = tally;
  twice.add(tally);
  EXPECT_EQ(twice.total_targets(), 6);
  EXPECT_DOUBLE_EQ(twice.mean(), tally.mean());
}

TEST(MetricsFile, CutsLinesBeyondTheStateItGoesOnFrom) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  std::int64_t kept = 0;
  {
    MetricsFile file(path, 0);
    file.append({{"step", 1}});
    kept = file.sync();
    file.append({{"step", 2}});
  }
  {
    MetricsFile file(path, kept);
    file.append({{"step", 2}, {"again", true}});
  }
  EXPECT_EQ(storage::read_file(path), "{\"step\":1}\n{\"step\":2,\"again\":true}\n");
}

TEST(MetricsFile, AFullDiskIsAnIoError) {
  if (!std::filesystem::exists("/dev/full")) {
    GTEST_SKIP() << "needs /dev/full";
  }
  MetricsFile file("/dev/full", 0);
  EXPECT_THROW(file.append({{"step", 1}}), Error);
}

TEST(MetricsLine, NamesTheLossOfEachKindThatHadTargets) {
  MetricsLine line;
  line.step = 3;
  line.tally.add(Kind::thinking, 2.0);
  const Json json = to_json(line);
  EXPECT_EQ(json.at("loss"), 2.0);
  EXPECT_EQ(json.at("loss_thinking"), 2.0);
  EXPECT_FALSE(json.contains("loss_document"));
  EXPECT_FALSE(to_json(MetricsLine()).contains("loss")) << "no step counted";
}

TEST(WholeFolder, IsThereOnlyWhenFilled) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "whole";
  EXPECT_THROW(write_whole_folder(path,
                                  [](const std::filesystem::path& partial) {
                                    storage::write_file_atomically(partial / "a", "1");
                                    io_error("full");
                                  }),
               Error);
  EXPECT_FALSE(std::filesystem::exists(path));
  for (const std::string text : {"2", "3"}) {
    write_whole_folder(path, [&](const std::filesystem::path& partial) {
      EXPECT_TRUE(std::filesystem::is_empty(partial));
      storage::write_file_atomically(partial / "a", text);
    });
    EXPECT_EQ(storage::read_file(path / "a"), text);
  }
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".partial"));
}

}  // namespace
}  // namespace tpt::train
