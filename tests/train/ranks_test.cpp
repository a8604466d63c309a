// Several processes that train together, against one that trains alone.
#include "train/ranks.h"

#include "base/error.h"
#include "train/processes.h"
#include "train/run_comparison.h"
#include "train/small_run.h"
#include "train/state.h"
#include "train/weight_check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tpt::train {
namespace {

Json options_of(Config config) {
  Fields fields("train");
  describe(fields, config);
  return fields.to_json();
}

// The layer in the middle repeated so often on average.
model::Config model_of(double repeats) {
  model::Config model = small_model();
  if (repeats > 0.0) {
    model.num_layers = 3;
    model.recurrence = {.first_layer = 1, .num_layers = 1, .mean_repeats = repeats};
  }
  return model;
}

void train_as_told(const Json& task, Ranks& ranks) {
  Config config;
  Fields fields("train");
  describe(fields, config);
  fields.apply(task.at("options"));
  if (ranks.rank() == task.value("other_options_on", -1)) {
    config.learning_rate *= 2;
  }
  std::stop_source stop;
  const bool stops = task.contains("stop_at") && ranks.rank() == task.value("stop_on", 0);
  StopAt progress(stop, stops ? task.at("stop_at").get<double>() : 1e18);
  const auto folder = task.at("folder").get<std::string>();
  run(config, model_of(task.value("repeats", 0.0)), task.at("shards").get<std::string>(), folder,
      progress, stop.get_token(), ranks);
}

// A tensor that differs in its last bit on one process.
void compare_as_told(const Json& task, Ranks& ranks) {
  const at::Tensor same = at::arange(3'000'000, at::kFloat);
  const at::Tensor other = at::ones({5, 7}, at::kFloat);
  if (ranks.rank() == task.at("other_on")) {
    auto* bits = static_cast<std::uint32_t*>(other.mutable_data_ptr());
    bits[17] ^= 1U;
    bits[18] ^= task.value("second_bit", 0U);
  }
  check_same_weights(ranks, {{"same", same}, {"other", other}}, 300);
}

// What a child does, and its exit status.
int do_task(const Json& task) {
  std::unique_ptr<Ranks> ranks;
  try {
    ranks = std::make_unique<Ranks>(
        launch_from(process_environment()),
        RanksConfig{.timeout_seconds = task.value("timeout_seconds", 60.0)});
    if (task.at("do") == "train") {
      train_as_told(task, *ranks);
    } else {
      compare_as_told(task, *ranks);
    }
    return 0;
  } catch (const Interrupted&) {
    return 130;
  } catch (const Error& error) {
    if (ranks) {
      ranks->leave_last_words(error.what());
    }
    std::fprintf(stderr, "ended: %s\n", error.what());
    return error.kind() == ErrorKind::user ? 2 : 1;
  }
}

// The child of the tests below.
TEST(RanksChild, Run) {
  const char* file = std::getenv("TPT_RANKS_TASK");
  if (file == nullptr) {
    GTEST_SKIP() << "only the children of RanksSlow run this";
  }
  const int status = do_task(parse_json(storage::read_file(file), file));
  std::exit(status);
}

class RanksSlow : public testing::Test {
 protected:
  void SetUp() override {
    write_sum_shards(shards_, 100);
    write_sum_shards(held_out_, 40, 9);
    write_example_shards(examples_, 60);
  }
  std::filesystem::path place(const std::string& name) const { return folder_.path() / name; }

  Json task_of(const Config& config, const std::string& run_name) const {
    const bool is_tuning = config.objective == Objective::answers;
    return {{"do", "train"},
            {"options", options_of(config)},
            {"shards", (is_tuning ? examples_ : shards_).string()},
            {"folder", place(run_name).string()}};
  }
  // Runs to the end.
  void run_by(std::int64_t count, const Config& config, const std::string& run_name) {
    Processes processes(place(run_name + "-processes"), count, task_of(config, run_name));
    const std::vector<int> statuses = processes.wait();
    for (std::size_t rank = 0; rank < statuses.size(); ++rank) {
      EXPECT_EQ(statuses[rank], 0) << "process " << rank << ": " << processes.words(rank);
    }
  }
  void run_alone(const Config& config, const std::string& run_name) {
    run_quietly(config, config.objective == Objective::answers ? examples_ : shards_,
                place(run_name));
  }

  TemporaryFolder folder_;
  std::filesystem::path shards_ = folder_.path() / "shards";
  std::filesystem::path held_out_ = folder_.path() / "held-out";
  std::filesystem::path examples_ = folder_.path() / "examples";
};

// All numbers of all lines but those of time, to 1e-5 of their size; counts to the last one.
void expect_same_lines(const std::filesystem::path& one, const std::filesystem::path& other) {
  const std::vector<Json> lines = lines_of(one), others = lines_of(other);
  ASSERT_EQ(lines.size(), others.size());
  ASSERT_FALSE(lines.empty());
  double largest = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (const auto& [key, value] : lines[i].items()) {
      if (key == "seconds" || key.ends_with("_per_second") || key == "gemm_share") {
        continue;
      }
      ASSERT_TRUE(others[i].contains(key)) << key;
      if (value.is_number_float()) {
        const double expected = value.get<double>(), got = others[i].at(key).get<double>();
        const double difference = std::abs(got - expected) / std::max(1e-3, std::abs(expected));
        EXPECT_LT(difference, 1e-5) << key << " of line " << i << ": " << expected << ", " << got;
        largest = std::max(largest, difference);
      } else {
        EXPECT_EQ(value, others[i].at(key)) << key << " of line " << i;
      }
    }
  }
  testing::Test::RecordProperty("largest_difference", std::to_string(largest));
  std::printf("largest difference %.2g over %zu lines\n", largest, lines.size());
}

Config many_config() {
  Config config = small_config();
  config.train_tokens = 25 * 8 * 32;
  config.batch_rows = 8;
  config.bucket_mib = 0.02;  // several for a small model
  config.compare_weights_every_steps = 5;
  return config;
}

TEST_F(RanksSlow, TwoAndFourHaveTheLossesOfOne) {
  Config config = many_config();
  config.held_out = {held_out_.string()};
  config.held_out_every_steps = 10;
  config.checkpoint_tokens = {1000};
  run_alone(config, "one");
  run_by(2, config, "two");
  run_by(4, config, "four");
  config.shard_optimizer = true;
  run_by(4, config, "sharded");
  for (const char* name : {"two", "four", "sharded"}) {
    SCOPED_TRACE(name);
    expect_same_lines(place("one"), place(name));
    EXPECT_TRUE(std::filesystem::exists(place(name) / "checkpoint-1024" / "model.safetensors"));
  }
}

TEST_F(RanksSlow, AccumulationThatDoesNotFallOnProcesses) {
  Config config = many_config();
  config.batch_rows = 4;
  config.accumulation = 3;  // of six rows a process reads four and two
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.shard_optimizer = true;
  run_by(3, config, "three");
  expect_same_lines(place("one"), place("three"));
}

// Rows with padding, documents apart, kinds of other weights: processes have other counts.
TEST_F(RanksSlow, UnevenDocumentsAndWeights) {
  Config config = many_config();
  config.rows = pack::RowPolicy::best_fit;
  config.cross_document_attention = false;
  config.thinking_weight = 0.3;
  config.special_weight = 0.0;
  config.batch_rows = 2;
  config.accumulation = 2;
  config.seq_length = 24;
  run_alone(config, "one");
  for (const bool is_sharded : {false, true}) {
    config.shard_optimizer = is_sharded;
    const std::string name = is_sharded ? "sharded" : "four";
    run_by(4, config, name);
    expect_same_lines(place("one"), place(name));
  }
}

// The last step of the last epoch has fewer rows than processes; answers alone carry loss.
TEST_F(RanksSlow, AnEpochThatEndsShort) {
  Config config = many_config();
  config.train_tokens = 0;
  config.epochs = 2;
  config.objective = Objective::answers;
  config.rows = pack::RowPolicy::pad;
  config.batch_rows = 14;
  config.accumulation = 1;
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.batch_rows = 119;
  config.accumulation = 1;
  config.shard_optimizer = true;
  run_alone(config, "one-row");
  run_by(7, config, "seven");  // one row for seven processes at the end
  expect_same_lines(place("one-row"), place("seven"));
}

TEST_F(RanksSlow, MuonAndTheAverage) {
  Config config = many_config();
  config.optimizer = OptimizerKind::muon;
  config.ema_decay = 0.9;
  config.held_out = {held_out_.string()};
  config.held_out_every_steps = 5;
  run_alone(config, "one");
  run_by(2, config, "two");
  expect_same_lines(place("one"), place("two"));
  config.shard_optimizer = true;
  run_by(4, config, "four");
  expect_same_lines(place("one"), place("four"));
  const std::string average =
      std::filesystem::path("checkpoint-6400-average") / "model.safetensors";
  EXPECT_TRUE(std::filesystem::exists(place("four") / average));
}

// A layer that is run several times, and again in the backward pass, reaches its gradients several
// times: no bucket may leave before the last.
TEST_F(RanksSlow, ARepeatedBlock) {
  for (const bool recomputes : {false, true}) {
    Config config = many_config();
    config.recompute_layers = recomputes;
    const std::string one = recomputes ? "one-recomputed" : "one";
    NoProgress quiet;
    run(config, model_of(3.0), shards_, place(one), quiet, {});
    Json task = task_of(config, one + "-two");
    task["repeats"] = 3.0;
    Processes processes(place(one + "-processes"), 2, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{0, 0})) << processes.words(0);
    expect_same_lines(place(one), place(one + "-two"));
  }
}

TEST_F(RanksSlow, SpikesAreTheSameForAll) {
  Config config = many_config();
  config.spike_sigmas = 2.0;
  config.spike_window = 8;
  config.on_spike = OnSpike::rollback;
  config.state_every_steps = 5;
  config.recompute_layers = true;
  run_alone(config, "one");
  EXPECT_TRUE(std::filesystem::exists(place("one") / "spikes")) << "nothing was left out";
  for (const bool is_sharded : {false, true}) {
    config.shard_optimizer = is_sharded;
    const std::string name = is_sharded ? "sharded" : "two";
    run_by(2, config, name);
    expect_same_lines(place("one"), place(name));
  }
}

std::vector<std::filesystem::path> checkpoints_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("checkpoint-")) {
      found.push_back(entry.path());
    }
  }
  return found;
}

Config resumed_config() {
  Config config = many_config();
  config.optimizer = OptimizerKind::muon;
  config.ema_decay = 0.9;
  config.shard_optimizer = true;
  config.spike_sigmas = 3.0;
  config.state_every_steps = 4;
  return config;
}

TEST_F(RanksSlow, OneThatIsAskedToStopStopsAllAndTheSameNumberGoesOnBitForBit) {
  const Config config = resumed_config();
  run_by(2, config, "whole");
  for (const double tokens : {1000.0, 3000.0}) {
    Json task = task_of(config, "parts");
    task["stop_at"] = tokens;
    Processes processes(place("stopped"), 2, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{130, 130})) << processes.words(0);
  }
  run_by(2, config, "parts");
  const RunComparison compared = compare_runs(place("whole"), place("parts"), shards_);
  EXPECT_TRUE(compared.same()) << compared.first_difference;
  EXPECT_EQ(compared.lines, 25);
  EXPECT_EQ(checkpoints_of(place("parts")).size(), 2U);
}

TEST_F(RanksSlow, AnotherNumberGoesOn) {
  Config config = resumed_config();
  run_alone(config, "one");
  Json task = task_of(config, "moved");
  task["stop_at"] = 1500.0;
  {
    Processes processes(place("stopped"), 2, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{130, 130})) << processes.words(0);
  }
  task["stop_at"] = 3000.0;
  {
    Processes processes(place("stopped-again"), 4, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{130, 130, 130, 130})) << processes.words(0);
  }
  config.shard_optimizer = false;
  config.train_tokens = 25 * 8 * 32;
  stop_at(config, shards_, place("moved"), 4000.0);  // one process
  run_by(2, config, "moved");
  expect_same_lines(place("one"), place("moved"));
}

// kill -9 of one ends the others soon, in words that name it; the same command goes on bit for bit.
TEST_F(RanksSlow, AKilledProcessEndsAllAndTheRunGoesOn) {
  Config config = resumed_config();
  config.batch_rows = 6;
  config.train_tokens = 400 * 6 * 32;
  run_by(3, config, "whole");
  for (const std::size_t victim : {std::size_t{2}, std::size_t{0}, std::size_t{1}}) {
    const auto lines = [&] {
      std::error_code missing;
      const auto size = std::filesystem::file_size(place("killed") / "metrics.jsonl", missing);
      return missing ? 0 : size;
    };
    const auto before = lines();
    Processes processes(place("killed-processes"), 3, task_of(config, "killed"));
    while (lines() < before + 2000) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    processes.signal(victim, SIGKILL);
    const auto killed = std::chrono::steady_clock::now();
    const std::vector<int> statuses = processes.wait(30);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - killed;
    std::printf("process %zu killed: all ended after %.2f s\n", victim, took.count());
    for (std::size_t rank = 0; rank < 3; ++rank) {
      EXPECT_EQ(statuses[rank], rank == victim ? 128 + SIGKILL : 1) << processes.words(rank);
      if (rank != victim) {
        EXPECT_NE(processes.words(rank).find("process " + std::to_string(victim)),
                  std::string::npos)
            << processes.words(rank);
      }
    }
  }
  run_by(3, config, "killed");
  const RunComparison compared = compare_runs(place("whole"), place("killed"), shards_);
  EXPECT_TRUE(compared.same()) << compared.first_difference;
  EXPECT_EQ(compared.lines, 400);
}

// One that hangs is given up after the timeout.
TEST_F(RanksSlow, AProcessThatHangsEndsTheOthers) {
  Config config = many_config();
  config.batch_rows = 6;
  config.train_tokens = 4000 * 6 * 32;
  Json task = task_of(config, "hung");
  task["timeout_seconds"] = 2.0;
  Processes processes(place("hung-processes"), 3, task);
  while (!std::filesystem::exists(place("hung") / "metrics.jsonl")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  processes.signal(1, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::seconds(9));
  processes.signal(1, SIGKILL);
  const std::vector<int> statuses = processes.wait(5);
  EXPECT_EQ(statuses, (std::vector<int>{1, 128 + SIGKILL, 1}));
  EXPECT_NE(processes.words(0).find("no word from process 1"), std::string::npos)
      << processes.words(0);
}

TEST_F(RanksSlow, WhatDoesNotFitIsRefusedByAll) {
  Config config = many_config();
  {
    Processes processes(place("uneven"), 3, task_of(config, "uneven-run"));
    EXPECT_EQ(processes.wait(), (std::vector<int>{2, 2, 2}));
    EXPECT_NE(processes.words(1).find("8 x 1 = 8 rows, which 3 processes do not share evenly"),
              std::string::npos)
        << processes.words(1);
  }
  Json task = task_of(config, "other-run");
  task["other_options_on"] = 1;
  Processes processes(place("other"), 2, task);
  const std::vector<int> statuses = processes.wait();
  EXPECT_EQ(statuses[1], 2);
  EXPECT_EQ(statuses[0], 1);
  EXPECT_NE(processes.words(1).find("learning_rate"), std::string::npos) << processes.words(1);
  EXPECT_NE(processes.words(0).find("process 1 had ended: process 1 was given other options"),
            std::string::npos)
      << processes.words(0);
}

TEST_F(RanksSlow, ADamagedStateIsNamedToAll) {
  Config config = many_config();
  Json task = task_of(config, "damaged");
  task["stop_at"] = 1000.0;
  {
    Processes processes(place("stopped"), 2, task);
    EXPECT_EQ(processes.wait(), (std::vector<int>{130, 130})) << processes.words(0);
  }
  const auto file = newest_state(place("damaged")).value() / "optimizer.safetensors";
  std::string bytes = storage::read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  storage::write_file_atomically(file, bytes);
  Processes processes(place("again"), 2, task_of(config, "damaged"));
  EXPECT_EQ(processes.wait(), (std::vector<int>{1, 1}));
  for (const std::size_t rank : {std::size_t{0}, std::size_t{1}}) {
    EXPECT_NE(processes.words(rank).find("optimizer.safetensors"), std::string::npos)
        << processes.words(rank);
  }
}

TEST_F(RanksSlow, OtherBitsOnOneProcessEndAllByName) {
  for (const unsigned second_bit : {0U, 1U}) {
    Processes processes(place("compare-" + std::to_string(second_bit)), 3,
                        {{"do", "compare"}, {"other_on", 2}, {"second_bit", second_bit}});
    EXPECT_EQ(processes.wait(), (std::vector<int>{1, 1, 1}));
    for (std::size_t rank = 0; rank < 3; ++rank) {
      EXPECT_NE(processes.words(rank).find("step 300: other on process 2 of 3"), std::string::npos)
          << processes.words(rank);
    }
  }
  Processes same(place("compare-none"), 3, {{"do", "compare"}, {"other_on", -1}});
  EXPECT_EQ(same.wait(), (std::vector<int>{0, 0, 0}));
}

TEST(Ranks, ThoseThatDoNotComeAreWaitedForNoLongerThanTheTimeout) {
  const Launch launch{
      .rank = 1, .size = 2, .local_size = 2, .address = "127.0.0.1", .port = 9, .by = "torchrun"};
  const auto begin = std::chrono::steady_clock::now();
  try {
    const Ranks ranks(launch, {.timeout_seconds = 1.5});
    FAIL() << "nobody is there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_NE(std::string(error.what()).find("127.0.0.1:9"), std::string::npos) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(Ranks, OneProcessHasNothingToAddUp) {
  Ranks alone;
  const at::Tensor tensor = at::arange(4, at::kFloat);
  alone.sum(tensor);
  alone.broadcast(tensor);
  alone.start_gather_of_parts(tensor);
  alone.wait();
  EXPECT_TRUE(tensor.equal(at::arange(4, at::kFloat)));
  EXPECT_EQ(alone.broadcast("text"), "text");
  EXPECT_EQ(alone.largest({1.0, 2.0}), (std::vector<double>{1.0, 2.0}));
}

}  // namespace
}  // namespace tpt::train
