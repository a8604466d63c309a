// A run that goes on from its rows alone, its journal lost.
#include "augment/take_over.h"

#include "augment/scenario.h"
#include "base/error.h"
#include "storage/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <stop_token>

namespace tpt::augment {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Everything with rows that a run has left, as it would stand on another machine.
std::vector<fs::path> parts_left_in(const fs::path& folder) {
  std::vector<fs::path> parts;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".parquet") parts.push_back(entry.path());
  }
  return parts;
}

// Sentences, some of them beyond the cap: a call gives what comes after the answer's start.
engine::Response sentences(const engine::Request& request) {
  const std::size_t said = request.answer_start.size() - std::string("<think>\n").size();
  const auto most = static_cast<std::size_t>(request.sampling.max_tokens);
  std::string whole;
  for (std::size_t i = 0; i < 4 + request.key.size() % 3 * 9; ++i) {
    whole += fmt::format("{} says no {:02}. ", request.key, i);
  }
  engine::Response response;
  response.text = whole.substr(std::min(said, whole.size()), most);
  response.generated_tokens = static_cast<std::int64_t>(response.text.size());
  response.finish = said + most < whole.size() ? Finish::length : Finish::stop;
  return response;
}

struct Way {
  std::string name;
  std::function<void(Config&)> set;
};

const std::vector<Way>& ways() {
  static const std::vector<Way> kWays = {
      {"keep", [](Config& config) { config.at_cap = AtCap::keep; }},
      {"trim", [](Config& config) { config.at_cap = AtCap::trim; }},
      {"drop", [](Config& config) { config.at_cap = AtCap::set_aside; }},
      {"continue",
       [](Config& config) {
         config.at_cap = AtCap::go_on;
         config.max_continuations = 2;
       }},
      {"pieces",
       [](Config& config) {
         config.chunk_tokens = 60;
         config.rollouts = 2;
       }},
  };
  return kWays;
}

class TakeOverSlow : public testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override {
    ways()[GetParam()].set(config_);
    config_.rows_per_part = 24;
    fake_ = scenario_engine(milliseconds(1));
    fake_.answer = sentences;
  }
  Hooks hooks() const {
    return {.gate = scenario_gate, .on_part = [](const fs::path&) {}};
  }
  std::int64_t requests(const fs::path& folder, const std::vector<Document>& documents,
                        Counts* counts = nullptr) const {
    engine::FakeEngine engine(fake_);
    const Counts all = run_scenario(config_, documents, engine, folder, {}, hooks());
    if (counts != nullptr) *counts = all;
    return engine.calls();
  }

  Config config_ = scenario_config();
  engine::FakeConfig fake_;
  TemporaryFolder folder_;
};

TEST_P(TakeOverSlow, ADrainedRunLosesNothingAndGivesTheSameBytes) {
  const std::vector<Document> documents = scenario_documents(180);
  const std::int64_t needed = requests(folder_ / "whole", documents);
  std::int64_t paid = 0;
  TakeOver from;
  // Lives that are stopped early and late, each on a machine of its own.
  for (const std::int64_t until : {20, 21, 60, 30}) {
    const fs::path here = folder_ / fmt::format("machine-{}", until);
    fs::create_directories(here);
    take_over_rows(config_, from, here, {});
    std::stop_source stop;
    engine::FakeConfig stopping = fake_;
    stopping.answer = [&, left = std::make_shared<std::atomic<std::int64_t>>(until)](
                          const engine::Request& request) {
      if (--*left <= 0) stop.request_stop();
      return sentences(request);
    };
    engine::FakeEngine engine(stopping);
    EXPECT_THROW(run_scenario(config_, documents, engine, here, stop.get_token(), hooks()),
                 Interrupted);
    paid += engine.calls();
    for (const fs::path& part : parts_left_in(here)) from.parts.push_back(part);
  }
  const fs::path last = folder_ / "last";
  fs::create_directories(last);
  EXPECT_GT(take_over_rows(config_, from, last, {}), 0);
  Counts counts;
  paid += requests(last, documents, &counts);
  EXPECT_EQ(parquet_bytes(last), parquet_bytes(folder_ / "whole"));
  // Steps of an answer that was being continued have no row yet.
  const bool continues = config_.at_cap == AtCap::go_on;
  EXPECT_GE(paid, needed);
  EXPECT_LE(paid, needed + (continues ? 4 * 2 * fake_.capacity : 0));
}

TEST_P(TakeOverSlow, WhatStandsInPartsIsNotAskedForAgain) {
  const std::vector<Document> documents = scenario_documents(120);
  const std::int64_t needed = requests(folder_ / "whole", documents);
  const auto parts = parts_left_in(folder_ / "whole");
  ASSERT_GT(parts.size(), 4U);
  fs::create_directories(folder_ / "all");
  take_over_rows(config_, {.parts = parts}, folder_ / "all", {});
  EXPECT_EQ(requests(folder_ / "all", documents), 0);
  EXPECT_EQ(parquet_bytes(folder_ / "all"), parquet_bytes(folder_ / "whole"));
  // Of some of them, twice, and one torn.
  std::vector<fs::path> some = {parts[1], parts[4], parts[1]};
  std::set<std::string> known;
  for (const fs::path& part : some) {
    for (const AugmentedDocument& row : read_rows(part)) {
      known.insert(row.trajectory.request_sha256);
    }
  }
  const std::string bytes = storage::read_file(parts[2]);
  storage::write_file_atomically(folder_ / "torn.parquet", bytes.substr(0, bytes.size() / 2));
  some.push_back(folder_ / "torn.parquet");
  fs::create_directories(folder_ / "some");
  std::vector<fs::path> told;
  TakeOver from{.parts = some, .on_taken = [&](const fs::path& part) { told.push_back(part); }};
  EXPECT_EQ(take_over_rows(config_, from, folder_ / "some", {}),
            static_cast<std::int64_t>(known.size()));
  EXPECT_EQ(told, some);
  const std::int64_t asked = requests(folder_ / "some", documents);
  if (config_.at_cap != AtCap::go_on) {
    EXPECT_EQ(asked, needed - static_cast<std::int64_t>(known.size()));
  }
  EXPECT_LT(asked, needed);
  EXPECT_EQ(parquet_bytes(folder_ / "some"), parquet_bytes(folder_ / "whole"));
}

class TakeOverPolicySlow : public TakeOverSlow {};

// Under another policy at the cap the rows are those of a run that never had the first one.
TEST_P(TakeOverPolicySlow, AnotherPolicyGivesItsOwnRows) {
  const std::vector<Document> documents = scenario_documents(40);
  requests(folder_ / "first", documents);
  const Config first = config_;
  for (const Way& other : ways()) {
    if (other.name == "pieces") continue;
    config_ = first;
    other.set(config_);
    const bool same = other.name == ways()[GetParam()].name;
    const fs::path undisturbed = folder_ / ("undisturbed-" + other.name);
    const std::int64_t needed = requests(undisturbed, documents);
    const fs::path here = folder_ / other.name;
    fs::create_directories(here);
    const TakeOver from{.parts = parts_left_in(folder_ / "first"), .same_policy = same};
    take_over_rows(config_, from, here, {});
    EXPECT_LT(requests(here, documents), needed) << other.name;
    EXPECT_EQ(parquet_bytes(here), parquet_bytes(undisturbed)) << other.name;
    // And where the journal is kept, with the rows that the first one had taken over.
    const fs::path kept = folder_ / ("kept-" + other.name);
    fs::create_directories(kept);
    config_ = first;
    take_over_rows(config_, {.parts = parts_left_in(folder_ / "first")}, kept, {});
    other.set(config_);
    requests(kept, documents);
    EXPECT_EQ(parquet_bytes(kept), parquet_bytes(undisturbed)) << other.name;
  }
}

std::string way_name(const testing::TestParamInfo<std::size_t>& way) {
  return ways()[way.param].name;
}

INSTANTIATE_TEST_SUITE_P(Ways, TakeOverSlow, testing::Range<std::size_t>(0, 5), way_name);
// All but the last, which is no policy.
INSTANTIATE_TEST_SUITE_P(Ways, TakeOverPolicySlow, testing::Range<std::size_t>(0, 4), way_name);

TEST(TakeOver, AnotherQuestionIsNotAnsweredByOldRows) {
  const TemporaryFolder folder;
  const std::vector<Document> documents = scenario_documents(30);
  Config config = scenario_config();
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  run_scenario(config, documents, engine, folder / "old");
  const std::int64_t needed = engine.calls();
  config.temperature = 0.1;
  fs::create_directories(folder / "new");
  take_over_rows(config, {.parts = parts_left_in(folder / "old")}, folder / "new", {});
  run_scenario(config, documents, engine, folder / "new");
  EXPECT_EQ(engine.calls(), 2 * needed);
}

TEST(TakeOver, StopsBetweenPartsAndIsRefusedBesideARun) {
  const TemporaryFolder folder;
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  run_scenario(scenario_config(), scenario_documents(30), engine, folder / "old");
  fs::create_directories(folder / "new");
  std::stop_source stop;
  stop.request_stop();
  const TakeOver from{.parts = parts_left_in(folder / "old")};
  EXPECT_THROW(take_over_rows(scenario_config(), from, folder / "new", stop.get_token()),
               Interrupted);
  EXPECT_GT(take_over_rows(scenario_config(), from, folder / "new", {}), 0);
  EXPECT_EQ(take_over_rows(scenario_config(), from, folder / "new", {}), 0);
}

}  // namespace
}  // namespace tpt::augment
