// Several processes where one stops, dies, hangs or differs.
#include "train/ranks_run.h"
#include "train/run_comparison.h"
#include "train/state.h"

#include <ATen/ATen.h>

namespace tpt::train {
namespace {

std::vector<std::filesystem::path> checkpoints_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("checkpoint-")) {
      found.push_back(entry.path());
    }
  }
  return found;
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

// It may be in the middle of a message to the one that dies.
TEST_F(RanksSlow, AWriteToOneThatIsGoneEndsNobodyByASignal) {
  Processes processes(place("in-vain"), 2, {{"do", "write_in_vain"}});
  EXPECT_EQ(processes.wait(), (std::vector<int>{0, 0}));
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

// The others go on waiting for the one that is missing.
TEST(Ranks, AProcessWhoseNumberIsTakenIsRefused) {
  const std::int64_t port = 15000 + ::getpid() % 15000;
  const auto words_of = [&](std::int64_t rank, double timeout_seconds) {
    const Launch launch{.rank = rank,
                        .size = 3,
                        .local_size = 3,
                        .address = "127.0.0.1",
                        .port = port,
                        .by = "torchrun"};
    try {
      const Ranks ranks(launch, {.timeout_seconds = timeout_seconds});
    } catch (const Error& error) {
      return std::pair(error.kind(), std::string(error.what()));
    }
    return std::pair(ErrorKind::bug, std::string("all are there"));
  };
  std::jthread first([&] { EXPECT_EQ(words_of(0, 3.0).first, ErrorKind::remote); });
  std::jthread second([&] { EXPECT_EQ(words_of(1, 3.0).first, ErrorKind::remote); });
  std::this_thread::sleep_for(std::chrono::milliseconds(1000));
  const auto [kind, words] = words_of(1, 3.0);
  EXPECT_EQ(kind, ErrorKind::user);
  EXPECT_NE(words.find("two processes came as number 1 of 3"), std::string::npos) << words;
  const auto [first_kind, first_words] = words_of(0, 3.0);
  EXPECT_EQ(first_kind, ErrorKind::user) << first_words;
  EXPECT_NE(first_words.find("number 0"), std::string::npos) << first_words;
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
