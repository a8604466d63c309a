#include "base/error.h"
#include "base/random.h"
#include "train/run_comparison.h"
#include "train/small_run.h"
#include "train/state.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tpt::train {
namespace {

Config resumed_config() {
  Config config = small_config();
  config.train_tokens = 100 * 128;
  config.checkpoint_tokens = {2000, 9000};
  config.accumulation = 1;
  return config;
}

// Every step once, in order.
void expect_whole_metrics(const std::filesystem::path& folder, std::int64_t steps) {
  std::ifstream file(folder / "metrics.jsonl");
  std::int64_t next = 1;
  for (std::string line; std::getline(file, line); ++next) {
    ASSERT_EQ(parse_json(line, "metrics.jsonl").at("step"), next);
  }
  EXPECT_EQ(next, steps + 1);
}

void expect_same_checkpoints(const Result& one, const Result& other) {
  ASSERT_EQ(one.checkpoints.size(), other.checkpoints.size());
  for (std::size_t i = 0; i < one.checkpoints.size(); ++i) {
    EXPECT_EQ(one.checkpoints[i].tokens, other.checkpoints[i].tokens);
    for (const char* file : {"model.safetensors", "config.json", "tokenizer.json"}) {
      EXPECT_EQ(storage::read_file(one.checkpoints[i].folder / file),
                storage::read_file(other.checkpoints[i].folder / file));
    }
  }
}

class Resume : public testing::Test {
 protected:
  void SetUp() override {
    shards_ = folder_.path() / "shards";
    write_sum_shards(shards_, 100);
  }
  std::filesystem::path place(const std::string& name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
  std::filesystem::path shards_;
};

TEST_F(Resume, StoppedAndRunAgainGivesTheSameBytes) {
  const Config config = resumed_config();
  const Result whole = run_quietly(config, shards_, place("whole"));
  for (const double tokens : {1280.0, 6400.0, 7000.0}) {
    stop_at(config, shards_, place("parts"), tokens);
  }
  const Result parts = run_quietly(config, shards_, place("parts"));
  EXPECT_EQ(parts.steps, 100);
  EXPECT_DOUBLE_EQ(parts.flops, whole.flops);
  EXPECT_DOUBLE_EQ(parts.final_loss, whole.final_loss);
  expect_same_checkpoints(whole, parts);
  expect_whole_metrics(place("parts"), 100);
}

TEST_F(Resume, AFinishedRunIsNotDoneAgain) {
  const Config config = resumed_config();
  const Result first = run_quietly(config, shards_, place("run"));
  const auto written = std::filesystem::last_write_time(first.checkpoints.back().folder);
  const Result again = run_quietly(config, shards_, place("run"));
  EXPECT_EQ(again.steps, first.steps);
  EXPECT_EQ(again.seconds, first.seconds);
  EXPECT_EQ(std::filesystem::last_write_time(again.checkpoints.back().folder), written);
  expect_same_checkpoints(first, again);
}

TEST_F(Resume, HalfWrittenStatesAreIgnoredAndRemoved) {
  const Config config = resumed_config();
  const Result whole = run_quietly(config, shards_, place("whole"));
  stop_at(config, shards_, place("run"), 3000);
  std::filesystem::create_directories(place("run") / "state-99.partial");
  storage::write_file_atomically(place("run") / "state-99.partial" / "state.json", "half");
  std::filesystem::create_directories(place("run") / "checkpoint-12800.partial");
  const Result parts = run_quietly(config, shards_, place("run"));
  expect_same_checkpoints(whole, parts);
  std::int64_t states = 0;
  for (const auto& entry : std::filesystem::directory_iterator(place("run"))) {
    const std::string name = entry.path().filename().string();
    EXPECT_EQ(name.find(".partial"), std::string::npos) << name;
    states += name.starts_with("state-") ? 1 : 0;
  }
  EXPECT_EQ(states, config.keep_states);
}

TEST_F(Resume, KeepsTheNewestStatesAndTwoAtMultiples) {
  Config config = resumed_config();
  config.state_every_seconds = 0.0;
  config.state_every_steps = 40;
  config.keep_states = 3;
  run_quietly(config, shards_, place("run"));
  std::vector<std::string> names;
  for (const std::filesystem::path& state : states_of(place("run"))) {
    names.push_back(state.filename().string());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"state-100", "state-99", "state-98", "state-80",
                                             "state-40"}));
}

TEST_F(Resume, WritingDoesNotHoldUpTheRunAndItsTroubleIsSaid) {
  const Config config = resumed_config();
  std::filesystem::create_directories(place("run"));
  // A file where the checkpoint's folder is to be built.
  storage::write_file_atomically(place("run") / "checkpoint-2048.partial", "");
  std::filesystem::create_directories(place("run") / "checkpoint-2048");
  storage::write_file_atomically(place("run") / "checkpoint-2048" / "kept", "");
  EXPECT_NO_THROW(run_quietly(config, shards_, place("run"))) << "what lies in the way is replaced";
  EXPECT_FALSE(std::filesystem::exists(place("run") / "checkpoint-2048" / "kept"));
  const auto full = std::filesystem::path("/dev/full");
  EXPECT_THROW(run_quietly(config, shards_, full / "run"), Error);
}

// Every file of a state: each of some bits flipped, cut, or gone is refused by the file's name.
TEST_F(Resume, DamagedStatesAreNamed) {
  const Config config = resumed_config();
  stop_at(config, shards_, place("run"), 1000);
  const std::filesystem::path state = newest_state(place("run")).value();
  const auto problem = [&] {
    try {
      run_quietly(config, shards_, place("run"));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return std::string(error.what());
    }
    return std::string();
  };
  Random random(3);
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "config.json",
                           "state.json", "digests.json"}) {
    const std::filesystem::path file = state / name;
    const std::string whole = storage::read_file(file);
    for (int flip = 0; flip < 12; ++flip) {
      std::string flipped = whole;
      const auto bit = static_cast<unsigned>(random.below(whole.size() * 8));
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      storage::write_file_atomically(file, flipped);
      // A flip in the list itself shows as a list, or as a file, that does not fit.
      const std::string named = std::string(name) == "digests.json" ? state.string() : name;
      EXPECT_NE(problem().find(named), std::string::npos) << name << " bit " << bit;
    }
    for (const std::size_t length : {whole.size() - 1, whole.size() / 2, std::size_t{0}}) {
      storage::write_file_atomically(file, whole.substr(0, length));
      EXPECT_NE(problem().find(name), std::string::npos) << name << " of " << length << " bytes";
    }
    std::filesystem::remove(file);
    EXPECT_NE(problem().find(name), std::string::npos) << name << " gone";
    storage::write_file_atomically(file, whole);
  }
  storage::write_file_atomically(state / "stray", "");
  EXPECT_NE(problem().find("stray"), std::string::npos);
  std::filesystem::remove(state / "stray");
  EXPECT_EQ(problem(), "") << "the whole state is taken";
}

// All that a state has to hold: averages, a window of steps, weights gone back to, two passes a
// step, documents apart in rows that are packed whole.
Config everything() {
  Config config = resumed_config();
  config.rows = pack::RowPolicy::best_fit;
  config.cross_document_attention = false;
  config.accumulation = 2;
  config.batch_rows = 2;
  config.optimizer = OptimizerKind::muon;
  config.ema_decay = 0.9;
  config.spike_sigmas = 3.0;
  config.spike_window = 12;
  config.on_spike = OnSpike::rollback;
  config.state_every_steps = 10;
  config.state_every_seconds = 0.0;
  return config;
}

// The child of the test below: trains in the folders that the environment names.
TEST(KilledChild, Run) {
  const char* shards = std::getenv("TPT_TRAIN_CHILD_SHARDS");
  const char* folder = std::getenv("TPT_TRAIN_CHILD_FOLDER");
  if (shards == nullptr || folder == nullptr) {
    GTEST_SKIP() << "only the child of ResumeSlow runs this";
  }
  run_quietly(everything(), shards, folder);
}

// Runs this program as a child that trains, and kills it `delay` after its first step, so that
// kills land in the loop and not in the loader.
void run_and_kill(const std::filesystem::path& shards, const std::filesystem::path& folder,
                  std::chrono::microseconds delay) {
  const auto metrics = folder / "metrics.jsonl";
  const auto length = [&]() -> std::uintmax_t {
    std::error_code missing;
    const std::uintmax_t size = std::filesystem::file_size(metrics, missing);
    return missing ? 0 : size;
  };
  const std::uintmax_t before = length();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("TPT_TRAIN_CHILD_SHARDS", shards.c_str(), 1);
    ::setenv("TPT_TRAIN_CHILD_FOLDER", folder.c_str(), 1);
    ::execl("/proc/self/exe", "train", "--gtest_filter=KilledChild.Run", "--gtest_brief=1",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  int status = 0;
  while (length() == before) {
    if (::waitpid(child, &status, WNOHANG) == child) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      return;
    }
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "the child makes no step";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::this_thread::sleep_for(delay);
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
}

TEST(ResumeSlow, KilledAtFiftyRandomMomentsGivesTheSameBytes) {
  const TemporaryFolder folder;
  const auto shards = folder.path() / "shards";
  write_sum_shards(shards, 100);
  const Result whole = run_quietly(everything(), shards, folder.path() / "whole");
  Random random(4);
  const auto killed = folder.path() / "killed";
  constexpr int kKills = 50;
  for (int kills = 0; kills < kKills; ++kills) {
    run_and_kill(shards, killed, std::chrono::microseconds(random.below(60'000)));
  }
  const Result parts = run_quietly(everything(), shards, killed);
  EXPECT_TRUE(std::filesystem::exists(killed / "spikes")) << "nothing was left out";
  expect_same_checkpoints(whole, parts);
  const RunComparison compared = compare_runs(folder.path() / "whole", killed, shards);
  EXPECT_TRUE(compared.same()) << compared.first_difference;
  EXPECT_EQ(compared.lines, whole.steps);
  expect_whole_metrics(killed, whole.steps);
}

// The comparison itself sees a bit.
TEST(ResumeSlow, TheComparisonSeesAnotherRun) {
  const TemporaryFolder folder;
  const auto shards = folder.path() / "shards";
  write_sum_shards(shards, 100);
  Config config = resumed_config();
  run_quietly(config, shards, folder.path() / "one");
  run_quietly(config, shards, folder.path() / "same");
  config.seed = 2;
  run_quietly(config, shards, folder.path() / "other");
  EXPECT_TRUE(compare_runs(folder.path() / "one", folder.path() / "same", shards).same());
  const RunComparison other = compare_runs(folder.path() / "one", folder.path() / "other", shards);
  EXPECT_FALSE(other.same_losses);
  EXPECT_FALSE(other.same_weights);
  EXPECT_FALSE(other.same_optimizer);
  EXPECT_FALSE(other.same_next_batches);
}

}  // namespace
}  // namespace tpt::train
