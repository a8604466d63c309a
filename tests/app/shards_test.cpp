#include "app/shards.h"

#include "base/error.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

namespace tpt::app {
namespace {

using testing::HasSubstr;
using Environment = std::map<std::string, std::string>;

// The shard as "K/N", or what was refused, with exactly these variables set.
std::string shard(const std::string& text, const Environment& environment = {}) {
  for (const char* name : {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
                           "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_STEP",
                           "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS"}) {
    unsetenv(name);
  }
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  try {
    const corpus::Shard found = shard_from(text);
    return fmt::format("{}/{}", found.index, found.count);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
}

Environment slurm(int id, int min, int max, int count) {
  return {{"SLURM_ARRAY_TASK_ID", std::to_string(id)},
          {"SLURM_ARRAY_TASK_MIN", std::to_string(min)},
          {"SLURM_ARRAY_TASK_MAX", std::to_string(max)},
          {"SLURM_ARRAY_TASK_COUNT", std::to_string(count)}};
}

TEST(Shards, AreGivenByNumber) {
  EXPECT_EQ(shard("0/1"), "0/1");
  EXPECT_EQ(shard("15/16"), "15/16");
  for (const char* wrong :
       {"16/16", "1/0", "-1/4", "1/-4", "1", "", "/", "1/", "/4", "a/4", "1/4/2", "1 /4", "auto/",
        "auto/x", "Auto", "99999999999999999999/4", "1/100000"}) {
    EXPECT_THAT(shard(wrong), HasSubstr("allowed: K/N")) << wrong;
  }
  // What is said on the command line goes first.
  EXPECT_EQ(shard("1/4", slurm(2, 0, 7, 8)), "1/4");
}

TEST(Shards, ComeFromASlurmArrayOfAnyBeginningAndStep) {
  EXPECT_EQ(shard("auto", slurm(3, 0, 15, 16)), "3/16");
  EXPECT_EQ(shard("auto", slurm(1, 1, 16, 16)), "0/16");
  EXPECT_EQ(shard("auto", slurm(16, 1, 16, 16)), "15/16");
  EXPECT_EQ(shard("auto", slurm(12, 4, 28, 7)), "2/7");
  EXPECT_EQ(shard("auto", slurm(5, 5, 5, 1)), "0/1");
  for (const auto& odd :
       {slurm(3, 1, 7, 3), slurm(2, 1, 7, 4), slurm(9, 1, 7, 4), slurm(0, 1, 7, 4),
        slurm(1, 1, 7, 0), slurm(1, 7, 1, 2), slurm(1, 0, 1, 9)}) {
    EXPECT_THAT(shard("auto", odd), HasSubstr("no even steps"));
  }
  // Some of 16 again.
  EXPECT_EQ(shard("auto/16", slurm(5, 3, 5, 2)), "5/16");
  EXPECT_THAT(shard("auto/16", slurm(16, 1, 16, 16)), HasSubstr("shard 16 of 16"));
}

TEST(Shards, ComeFromAnIndexedJob) {
  EXPECT_EQ(shard("auto", {{"JOB_COMPLETION_INDEX", "0"}, {"JOB_COMPLETIONS", "8"}}), "0/8");
  EXPECT_EQ(shard("auto/8", {{"JOB_COMPLETION_INDEX", "7"}}), "7/8");
  EXPECT_THAT(shard("auto", {{"JOB_COMPLETION_INDEX", "8"}, {"JOB_COMPLETIONS", "8"}}),
              HasSubstr("shard 8 of 8"));
  EXPECT_THAT(shard("auto", {{"JOB_COMPLETION_INDEX", "1"}}),
              HasSubstr("JOB_COMPLETIONS is not set"));
}

TEST(Shards, NothingElseIsGuessed) {
  EXPECT_THAT(shard("auto"), HasSubstr("neither SLURM_ARRAY_TASK_ID"));
  EXPECT_THAT(shard("auto", {{"SLURM_ARRAY_TASK_ID", "x"}}), HasSubstr("expected a number"));
  EXPECT_THAT(shard("auto", {{"SLURM_ARRAY_TASK_ID", "1"}}),
              HasSubstr("SLURM_ARRAY_TASK_MIN is not set"));
  auto both = slurm(1, 0, 3, 4);
  both["JOB_COMPLETION_INDEX"] = "1";
  EXPECT_THAT(shard("auto", both), HasSubstr("both"));
}

corpus::ShardPlan plan(std::int64_t bytes, corpus::Shard of) {
  return corpus::plan_shard({{"a.jsonl", corpus::FileKind::lines, bytes}}, of);
}

std::string folder_of(const std::filesystem::path& out, corpus::Shard of,
                      std::int64_t bytes = 100) {
  try {
    return shard_folder(out, of, plan(bytes, of)).filename().string();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
}

TEST(Shards, OfOneFolderAgree) {
  const TemporaryFolder folder;
  EXPECT_EQ(folder_of(folder / "out", {3, 16}), "shard-00003-of-00016");
  EXPECT_EQ(folder_of(folder / "out", {0, 16}), "shard-00000-of-00016");
  EXPECT_THAT(folder_of(folder / "out", {0, 8}),
              HasSubstr("holds a corpus in 16 shards, got --shard 0/8"));
  EXPECT_THAT(folder_of(folder / "out", {0, 16}, 101), HasSubstr("another corpus"));
}

// However many start at the same moment, those of one count go on and the others are refused.
TEST(Shards, ThatStartTogetherAgree) {
  for (int round = 0; round < 20; ++round) {
    const TemporaryFolder folder;
    std::vector<std::string> said(8);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < said.size(); ++i) {
        threads.emplace_back([&, i] {
          said[i] = folder_of(folder.path(), {static_cast<std::int64_t>(i), i % 2 == 0 ? 8 : 9});
        });
      }
    }
    const auto refused = [](const std::string& text) {
      return text.find("holds a corpus") != std::string::npos;
    };
    for (std::size_t i = 0; i < said.size(); ++i)
      EXPECT_EQ(refused(said[i]), refused(said[i % 2])) << said[i];
    EXPECT_NE(refused(said[0]), refused(said[1]));
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      files += entry.exists() ? 1 : 0;
    EXPECT_EQ(files, 1U);
  }
}

}  // namespace
}  // namespace tpt::app
