// SmolLM2-135M, a folder of documents with their thinking, one command: a checkpoint that
// transformers loads, with the losses of document and thinking apart.
#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

namespace tpt::flow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

int shell(const std::string& command) { return std::system(command.c_str()); }

class MidTrainingSlow : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(documents());
    std::ofstream file(documents() / "sums.jsonl");
    for (int i = 0; i < 40; ++i) {
      const std::string a = std::to_string(17 + i * 3), b = std::to_string(5 + i % 9);
      file << dump_json({{"text", "A farmer has " + a + " sheep and buys " + b + " more."},
                         {"thinking", "The question is how many there are in the end. Adding " + b +
                                          " to " + a + " makes " +
                                          std::to_string(22 + i * 3 + i % 9) + "."},
                         {"flock", i}})
           << "\n";
    }
    file << R"({"text": "No thinking here."})"
            "\n";
  }
  fs::path documents() const { return folder_ / "documents"; }
  std::vector<std::string> command() const {
    std::vector<std::string> arguments = {"run",
                                          TPT_SOURCE_DIR "/recipes/mid-training-smollm2-135m.toml",
                                          "--out", (folder_ / "out").string()};
    for (const std::string& setting :
         {"corpus.inputs=" + documents().string(), std::string("corpus.max_bad_share=0.1"),
          "pack.tokenizer=" + model().string(), "train.init_from=" + model().string(),
          std::string("train.seq_length=256"), std::string("train.batch_rows=2"),
          std::string("train.accumulation=1"), std::string("train.warmup_steps=1"),
          std::string("train.log_every_steps=1")}) {
      arguments.emplace_back("--set");
      arguments.push_back(setting);
    }
    return arguments;
  }
  fs::path model() const { return folder_ / "SmolLM2-135M"; }

  TemporaryFolder folder_;
};

TEST_F(MidTrainingSlow, OneCommandGivesACheckpointThatTransformersLoads) {
  const std::string python = TPT_PYTHON;
  if (python.empty() || !fs::exists(TPT_SMOLLM2)) GTEST_SKIP() << "needs transformers and SmolLM2";
  const std::string oracle = python + " " TPT_SOURCE_DIR "/tests/flow/mid_training_oracle.py ";
  ASSERT_EQ(shell(oracle + "model '" TPT_SMOLLM2 "' '" + model().string() + "'"), 0);
  const Outcome outcome = run(command());
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("no field thinking"));

  fs::path train;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "out")) {
    if (entry.path().filename() == "metrics.jsonl") train = entry.path().parent_path();
  }
  ASSERT_FALSE(train.empty());
  std::ifstream lines(train / "metrics.jsonl");
  std::vector<Json> steps;
  for (std::string line; std::getline(lines, line);) {
    if (Json one = parse_json(line, "metrics.jsonl"); one.contains("loss")) steps.push_back(one);
  }
  ASSERT_GE(steps.size(), 4U);
  EXPECT_LT(steps.back().at("loss").get<double>(), 0.8 * steps.front().at("loss").get<double>());

  std::string checkpoint;
  for (const auto& entry : fs::directory_iterator(train)) {
    if (entry.path().filename().string().starts_with("checkpoint-")) checkpoint = entry.path();
  }
  EXPECT_EQ(
      shell(oracle + "checkpoint '" + checkpoint + "' '" + (train / "tensorboard").string() + "'"),
      0);
  const Outcome again = run(command());
  EXPECT_EQ(again.status, 0) << again.errors;
  EXPECT_THAT(again.errors, HasSubstr("finished already"));
}

}  // namespace
}  // namespace tpt::flow
