#include "base/json.h"
#include "base/random.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace tpt::flow {
namespace {

using testing::HasSubstr;

std::vector<std::string> small_lab(const std::string& out) {
  std::vector<std::string> arguments = {"run", "recipes/demo-short-lab.toml", "--out", out};
  for (const char* setting :
       {"lab.documents=3000", "lab.questions=20", "lab.examples=40", "lab.held_out_documents=20",
        "train.train_tokens=30000", "train.checkpoint_tokens=15000,30000",
        "train.state_every_seconds=0.2", "experiment.arms=tpt,shuffled", "eval.max_tokens=32"}) {
    arguments.emplace_back("--set");
    arguments.emplace_back(setting);
  }
  return arguments;
}

TEST(ResumeSlow, ARunKilledAgainAndAgainGivesTheSameBytes) {
  const TemporaryFolder folder;
  // Rows name the files they came from, so both runs use the same folder.
  const std::string out = (folder / "run").string();
  const Outcome undisturbed = run(small_lab(out));
  ASSERT_EQ(undisturbed.status, 0) << undisturbed.errors;
  const auto expected = results(out);
  std::filesystem::remove_all(out);
  Random random(derive_seed(1, "resume", "moments"));
  int kills = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    Program program(small_lab(out));
    std::this_thread::sleep_for(std::chrono::milliseconds(100 + random.below(1500)));
    program.signal(SIGKILL);
    if (program.finish().status == 128 + SIGKILL) ++kills;
  }
  EXPECT_GE(kills, 3);
  const Outcome last = run(small_lab(out));
  ASSERT_EQ(last.status, 0) << last.errors;
  const auto found = results(out);
  ASSERT_GT(expected.size(), 10U);
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, bytes] : expected) {
    EXPECT_TRUE(found.contains(name) && found.at(name) == bytes) << name;
  }
}

TEST(ResumeSlow, CtrlCSavesAndSaysHowToGoOn) {
  const TemporaryFolder folder;
  const std::string out = (folder / "stopped").string();
  auto arguments = small_lab(out);
  arguments.emplace_back("--set");
  arguments.emplace_back("train.train_tokens=400000");
  arguments.emplace_back("--set");
  arguments.emplace_back("train.checkpoint_tokens=400000");
  Program program(arguments);
  std::this_thread::sleep_for(std::chrono::seconds(4));
  program.signal(SIGINT);
  const Outcome stopped = program.finish();
  EXPECT_EQ(stopped.status, 130) << stopped.errors;
  EXPECT_THAT(stopped.errors, HasSubstr("stopped"));
}

// The control: with the thinking of another document the gain must vanish.
TEST(EffectSlow, ShuffledThinkingBuysNothing) {
  const TemporaryFolder folder;
  const std::string out = (folder / "effect").string();
  const Outcome outcome =
      run({"run", "recipes/demo-lab.toml", "--out", out, "--set", "lab.documents=25000", "--set",
           "train.train_tokens=700000", "--set", "train.checkpoint_tokens=700000", "--set",
           "experiment.seeds=1", "--set", "experiment.arms=tpt,shuffled"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  std::ifstream file(out + "/summary.json");
  const Json summary = Json::parse(file);
  const double thinking = summary.at("tpt").back().at("accuracy").get<double>();
  const double shuffled = summary.at("shuffled").back().at("accuracy").get<double>();
  EXPECT_GT(thinking, 0.3);
  EXPECT_LT(shuffled, 0.2);
  EXPECT_GT(summary.at("length_steps_spearman").get<double>(), 0.9);
}

}  // namespace
}  // namespace tpt::flow
