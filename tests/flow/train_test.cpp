// What the trainer's verbs show a person: that a killed run goes on bit for bit, that a step can be
// run again, that documents are kept apart.
#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace tpt::flow {
namespace {

using testing::HasSubstr;

class TrainSlow : public testing::Test {
 protected:
  void SetUp() override {
    const std::string lab = (folder_ / "lab").string();
    ASSERT_EQ(run({"lab", "--documents", "300", "--questions", "10", "--examples", "10",
                   "--held-out-documents", "10", "--out", lab})
                  .status,
              0);
    ASSERT_EQ(run({"augment", lab + "/documents.jsonl", "--engine", "expert", "--out",
                   (folder_ / "augmented").string()})
                  .status,
              0);
    ASSERT_EQ(
        run({"pack", (folder_ / "augmented").string(), "--tokenizer", "bytes", "--out", shards()})
            .status,
        0);
  }
  std::string shards() const { return (folder_ / "shards").string(); }
  std::vector<std::string> with_run(std::vector<std::string> arguments, const char* out) const {
    for (const char* one :
         {"--train-tokens", "20000", "--seq-length", "64", "--batch-rows", "4", "--hidden-size",
          "32", "--num-layers", "1", "--threads", "1", "--spike-sigmas", "3", "--spike-window",
          "12", "--ema-decay", "0.9", "--out"}) {
      arguments.emplace_back(one);
    }
    arguments.push_back((folder_ / out).string());
    return arguments;
  }

  TemporaryFolder folder_;
};

TEST_F(TrainSlow, VerifyResumeShowsThatAKilledRunIsTheSame) {
  // A second time the killed run is done again.
  for (int time = 0; time < 2; ++time) {
    const Outcome verified = run(with_run({"verify-resume", shards(), "--kills", "5"}, "verified"));
    ASSERT_EQ(verified.status, 0) << verified.errors;
    const Json json = parse_json(verified.output, "verify-resume");
    EXPECT_GE(json.at("kills"), 5);
    EXPECT_EQ(json.at("resumed_from").size(), json.at("kills"));
    for (const Json& step : json.at("resumed_from")) {
      EXPECT_GT(step, 0);
      EXPECT_LT(step, 79);
    }
    EXPECT_GE(json.at("lines"), 78);
    for (const char* same :
         {"same_losses", "same_weights", "same_optimizer", "same_next_batches"}) {
      EXPECT_TRUE(json.at(same).get<bool>()) << same;
    }
  }
}

TEST_F(TrainSlow, VerifyResumeSaysThatARunIsTooShort) {
  const Outcome refused = run({"verify-resume", shards(), "--train-tokens", "64", "--seq-length",
                               "64", "--batch-rows", "1", "--hidden-size", "32", "--num-layers",
                               "1", "--threads", "1", "--out", (folder_ / "short").string()});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.errors, HasSubstr("a run of 1 steps"));
  EXPECT_THAT(refused.errors, HasSubstr("--train-tokens"));
}

// A pair of files alone, as megatron-core writes it; without spans every token is document.
TEST_F(TrainSlow, AnyMegatronPairTrainsByItsPrefix) {
  namespace fs = std::filesystem;
  const fs::path pair = folder_ / "pair";
  fs::create_directory(pair);
  for (const char* ending : {".bin", ".idx"}) {
    fs::copy_file(fs::path(shards()) / (std::string("tpt_text_document") + ending),
                  pair / (std::string("corpus") + ending));
  }
  const std::string prefix = (pair / "corpus").string();
  const Outcome unknown = run(with_run({"train", prefix}, "unknown"));
  EXPECT_EQ(unknown.status, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("model.vocab_size"));
  const Outcome trained = run(with_run({"train", prefix, "--vocab-size", "272"}, "foreign"));
  ASSERT_EQ(trained.status, 0) << trained.errors;
  EXPECT_EQ(run(with_run({"train", prefix, "--vocab-size", "272"}, "foreign")).output,
            trained.output);
  // Other bytes under the same name are noticed.
  std::ofstream(pair / "corpus.bin", std::ios::in | std::ios::binary).write("\x05", 1);
  const Outcome changed = run(with_run({"train", prefix, "--vocab-size", "272"}, "foreign"));
  EXPECT_EQ(changed.status, 2);
  EXPECT_THAT(changed.errors, HasSubstr("corpus.bin"));
  EXPECT_EQ(run(with_run({"train", (pair / "none").string()}, "none")).status, 1);
}

TEST_F(TrainSlow, ReplayStepRunsAKeptStepAgain) {
  ASSERT_EQ(run(with_run({"train", shards()}, "model")).status, 0);
  std::int64_t step = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "model" / "spikes")) {
    step = std::stoll(entry.path().filename().string().substr(5));
  }
  ASSERT_GT(step, 0) << "the run has no spikes";
  const std::string model = (folder_ / "model").string();
  const Outcome replayed =
      run({"replay-step", model, "--shards", shards(), "--step", std::to_string(step)});
  ASSERT_EQ(replayed.status, 0) << replayed.errors;
  const Json json = parse_json(replayed.output, "replay-step");
  EXPECT_TRUE(json.at("as_recorded").get<bool>());
  EXPECT_TRUE(json.at("skipped").get<bool>());
  EXPECT_EQ(json.at("batch").size(), 4U);
  EXPECT_FALSE(json.at("batch")[0].at("pieces")[0].at("document").get<std::string>().empty());
  const Outcome missing = run({"replay-step", model, "--shards", shards(), "--step", "100000"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.errors, HasSubstr("ends at step"));
}

TEST(SelfTest, ShowsThatDocumentsAreKeptApart) {
  const Outcome shown = run({"selftest"});
  ASSERT_EQ(shown.status, 0) << shown.errors;
  const Json json = parse_json(shown.output, "selftest");
  EXPECT_TRUE(json.at("passed").get<bool>());
  EXPECT_EQ(json.at("isolation").size(), 4U);
}

}  // namespace
}  // namespace tpt::flow
