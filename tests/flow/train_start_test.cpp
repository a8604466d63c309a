// The start of a training run: who may have its folder, and what a refused start leaves.
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace tpt::flow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class TrainStart : public testing::Test {
 protected:
  void SetUp() override {
    const std::string lab = (folder_ / "lab").string();
    const std::string augmented = (folder_ / "augmented").string();
    for (const std::vector<std::string>& step :
         {std::vector<std::string>{"lab", "--documents", "50", "--questions", "5", "--examples",
                                   "5", "--held-out-documents", "5", "--out", lab},
          {"augment", lab + "/documents.jsonl", "--engine", "expert", "--out", augmented},
          {"pack", augmented, "--tokenizer", "bytes", "--out", shards()}}) {
      const Outcome done = run(step);
      ASSERT_EQ(done.status, 0) << done.errors;
    }
  }
  std::string shards() const { return (folder_ / "shards").string(); }
  fs::path out() const { return folder_ / "model"; }
  std::vector<std::string> train(const std::string& tokens,
                                 const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"train",          shards(), "--train-tokens", tokens,
                                    "--seq-length",   "32",     "--batch-rows",   "2",
                                    "--threads",      "1",      "--hidden-size",  "32",
                                    "--num-layers",   "1",      "--num-heads",    "2",
                                    "--num-kv-heads", "1",      "--out",          out().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainStart, ASecondProcessIsKeptOutOfTheFolderOfAnother) {
  Program first(train("1e9"));
  for (int i = 0; i < 12'000 && !fs::exists(out() / "metrics.jsonl"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_TRUE(fs::exists(out() / "metrics.jsonl"));
  const Outcome second = run(train("1e9"));
  EXPECT_EQ(second.status, 2) << second.errors;
  EXPECT_THAT(second.errors, HasSubstr("another process works on this folder"));
  first.signal(SIGINT);
  EXPECT_EQ(first.finish().status, 130);
  Program third(train("1e9"));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  third.signal(SIGKILL);
  EXPECT_EQ(third.finish().status, 128 + SIGKILL);
  // A dead process holds nothing: what is refused is another run.
  const Outcome other = run(train("700"));
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("train_tokens"));
}

TEST_F(TrainStart, AStartThatWasRefusedDoesNotBlockTheCorrectedOne) {
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--checkpoint-tokens", "9999"},
        {"--held-out", (folder_ / "none").string()},
        {"--seq-length", "2000000"},
        {"--document-weight", "0", "--thinking-weight", "0", "--special-weight", "0"}}) {
    const Outcome refused = run(train("640", wrong));
    EXPECT_THAT(refused.status, testing::AnyOf(1, 2)) << refused.errors;
  }
  EXPECT_EQ(run(train("640")).status, 0);
  const Outcome other = run(train("700"));
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("train_tokens"));
}

TEST_F(TrainStart, WhatWouldDoTheSameWorkTwiceRefusesToBeOneOfMany) {
  ::setenv("RANK", "0", 1);
  ::setenv("WORLD_SIZE", "2", 1);
  ::setenv("MASTER_ADDR", "127.0.0.1", 1);
  ::setenv("MASTER_PORT", "29500", 1);
  const Outcome eval = run({"eval", "--engine", "fake", "--task", "data/sample/math.jsonl", "--out",
                            (folder_ / "scores").string()});
  const Outcome exported = run({"export", shards(), "--hf", (folder_ / "hf").string()});
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) ::unsetenv(name);
  EXPECT_EQ(eval.status, 2);
  EXPECT_THAT(eval.errors, HasSubstr("one of 2 processes"));
  EXPECT_EQ(exported.status, 2);
  EXPECT_THAT(exported.errors, HasSubstr("one of 2 processes"));
}

}  // namespace
}  // namespace tpt::flow
