#include "train/lanes.h"

#include "train/optimizer.h"
#include "train/ranks.h"
#include "train/small_run.h"
#include "train/thread_scope.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

namespace tpt::train {
namespace {

constexpr std::size_t kWithoutTargets = 3;  // this row's targets are all padding

// Rows of different text and length; the last kinds are padding.
std::vector<Row> some_rows(std::size_t count) {
  std::vector<Row> rows;
  Random random(5);
  for (std::size_t i = 0; i < count; ++i) {
    Row row;
    const std::size_t real = i == kWithoutTargets ? 1 : 20 + i;
    for (std::size_t position = 0; position < 33; ++position) {
      row.ids.push_back(static_cast<TokenId>(random.below(272)));
      row.kinds.push_back(position >= real        ? Kind::padding
                          : position % 3 == i % 3 ? Kind::thinking
                                                  : Kind::document);
    }
    row.starts = {0, static_cast<std::int32_t>(real / 2)};
    rows.push_back(std::move(row));
  }
  return rows;
}

// A network with its gradients in one buffer, as a run has them.
struct Training {
  Training()
      : config(small_config()),
        network(model::resolved(small_model(), 272), 1),
        optimizer(network.parameters(), config, ranks),
        lanes(network, optimizer.layout(), optimizer.gradients()) {}

  std::vector<Batch> shares(const std::vector<Row>& rows, std::size_t count) const {
    std::vector<Batch> batches;
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = [&](std::size_t part) {
        return rows.begin() + static_cast<std::ptrdiff_t>(rows.size() * part / count);
      };
      batches.push_back(make_batch({at(i), at(i + 1)}, config));
    }
    return batches;
  }

  ThreadScope threads{4};
  Config config;
  Ranks ranks;
  model::Transformer network;
  Optimizer optimizer;
  Lanes lanes;
};

TEST(Lanes, DivideRowsThatDivideWell) {
  EXPECT_EQ(count_lanes(8, 2, 1000), 2);
  EXPECT_EQ(count_lanes(8, 1, 1000), 1);
  EXPECT_EQ(count_lanes(1, 8, 1000), 1);
  EXPECT_EQ(count_lanes(0, 8, 1000), 1);
  EXPECT_EQ(count_lanes(3, 2, 1000), 1);   // one would wait for a third of its time
  EXPECT_EQ(count_lanes(33, 2, 1000), 2);  // here for little
  EXPECT_EQ(count_lanes(4, 16, 1000), 4);  // of four threads each
  EXPECT_EQ(count_lanes(6, 16, 1000), 2);  // of eight
  EXPECT_EQ(count_lanes(7, 16, 1000), 1);
  EXPECT_EQ(count_lanes(8, 8, 1'000'000'000), 1);  // 4 GB of gradients a lane
  EXPECT_EQ(count_lanes(8, 8, 135'000'000), 4);
  EXPECT_EQ(count_lanes(16, 12, 1000), 4);  // twelve would have one row or two
}

TEST(Lanes, GiveTheGradientsOfTheWholePass) {
  const std::vector<Row> rows = some_rows(8);
  Training training;
  const at::Tensor whole = training.lanes.accumulate(training.shares(rows, 1), 77.0, {});
  const at::Tensor expected = training.optimizer.gradients().clone();
  EXPECT_GT(expected.abs().max().item<float>(), 0.0F);
  // With 8 lanes one has no target at all; there are fewer threads than lanes then.
  for (const std::size_t count : {2, 4, 8}) {
    training.optimizer.zero_gradients();
    const at::Tensor nats = training.lanes.accumulate(training.shares(rows, count), 77.0, {});
    training.lanes.add_up();
    EXPECT_TRUE(at::allclose(nats, whole, 1e-6, 1e-6)) << nats << whole;
    const auto difference = (training.optimizer.gradients() - expected).norm() / expected.norm();
    EXPECT_LT(difference.item<float>(), 1e-6F) << count;
  }
  EXPECT_EQ(at::get_num_threads(), 4);
}

TEST(Lanes, AddSeveralPassesAndThenBeginAnew) {
  const std::vector<Row> rows = some_rows(4);
  Training training;
  const auto pass = [&] { training.lanes.accumulate(training.shares(rows, 2), 50.0, {}); };
  pass();
  training.lanes.add_up();
  const at::Tensor once = training.optimizer.gradients().clone();
  training.optimizer.zero_gradients();
  pass();
  pass();
  training.lanes.add_up();
  EXPECT_TRUE(at::allclose(training.optimizer.gradients(), 2.0 * once, 1e-5, 1e-8));
  training.optimizer.zero_gradients();
  training.lanes.add_up();
  EXPECT_EQ(training.optimizer.gradients().abs().max().item<float>(), 0.0F);
}

// Whichever lane is faster, and after the weights have moved.
TEST(Lanes, GiveTheSameBitsEachTime) {
  const std::vector<Row> rows = some_rows(8);
  const auto gradients = [&] {
    Training training;
    for (int step = 0; step < 3; ++step) {
      training.optimizer.zero_gradients();
      training.lanes.accumulate(training.shares(rows, 4), 150.0, {});
      training.lanes.add_up();
      const at::Tensor norm = training.optimizer.gradient_norm();
      training.optimizer.step(0.01, norm, at::zeros({}));
    }
    return at::cat({training.optimizer.gradients(), training.optimizer.flat_weights()});
  };
  const at::Tensor first = gradients();
  for (int again = 0; again < 5; ++again) {
    EXPECT_TRUE(at::equal(first, gradients()));
  }
}

TEST(Lanes, AnErrorOfOneReachesTheCallerAndTheyGoOn) {
  const std::vector<Row> rows = some_rows(4);
  Training training;
  std::vector<Batch> broken = training.shares(rows, 2);
  broken[1].targets_n = broken[1].targets_n.clone().fill_(9999);
  EXPECT_THROW(training.lanes.accumulate(broken, 50.0, {}), Error);
  const at::Tensor nats = training.lanes.accumulate(training.shares(rows, 2), 50.0, {});
  EXPECT_TRUE(at::isfinite(nats).all().item<bool>());
}

TEST(Lanes, ARunWithThemLosesWhatARunWithoutLoses) {
  const TemporaryFolder folder;
  write_sum_shards(folder.path() / "shards", 200);
  Config config = small_config();
  config.train_tokens = 20 * 4 * 32;
  config.accumulation = 2;
  for (const std::int64_t threads : {1, 2, 4}) {
    config.threads = threads;
    run_quietly(config, folder.path() / "shards", folder.path() / std::to_string(threads));
  }
  const std::vector<Json> alone = lines_of(folder.path() / "1");
  for (const char* divided : {"2", "4"}) {
    const std::vector<Json> lines = lines_of(folder.path() / divided);
    ASSERT_EQ(lines.size(), alone.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_NEAR(lines[i].at("loss").get<double>(), alone[i].at("loss").get<double>(), 1e-4);
      EXPECT_EQ(lines[i].at("tokens"), alone[i].at("tokens"));
      EXPECT_EQ(lines[i].value("flops", Json()), alone[i].value("flops", Json()));
    }
  }
}

TEST(Lanes, AStoppedRunGoesOnBitForBit) {
  const TemporaryFolder folder;
  const auto shards = folder.path() / "shards";
  write_sum_shards(shards, 200);
  Config config = small_config();
  config.threads = 2;
  config.train_tokens = 30 * 4 * 32;
  const Result whole = run_quietly(config, shards, folder.path() / "whole");
  std::stop_source stop;
  StopAt at(stop, 1500.0);
  EXPECT_THROW(run(config, small_model(), shards, folder.path() / "stopped", at, stop.get_token()),
               Interrupted);
  const Result again = run_quietly(config, shards, folder.path() / "stopped");
  EXPECT_EQ(weights_of(whole), weights_of(again));
}

// One weight of several pieces, and one of none whole.
model::NamedTensors large_parameters() {
  at::manual_seed(4);
  model::NamedTensors parameters{{"model.norm.weight", at::randn({77})},
                                 {"lm_head.weight", at::randn({1000, 451})}};
  for (const auto& [name, parameter] : parameters) {
    parameter.set_requires_grad(true);
  }
  return parameters;
}

// Pieces in another order and on other threads: the same bits.
TEST(OptimizerByPieces, IsTheSameWhoeverTakesWhich) {
  using Piece = std::function<void(std::int64_t)>;
  const std::vector<Optimizer::Division> divisions = {
      [](std::int64_t pieces, const Piece& piece) {
        for (std::int64_t i = 0; i < pieces; ++i) piece(i);
      },
      [](std::int64_t pieces, const Piece& piece) {
        std::vector<std::jthread> threads;
        for (std::int64_t i = pieces - 1; i >= 0; --i)
          threads.emplace_back([&piece, i] { piece(i); });
      }};
  Config config = small_config();
  config.ema_decay = 0.9;
  config.clip = 0.5;
  Ranks alone;
  std::vector<model::NamedTensors> results;
  for (const Optimizer::Division& division : divisions) {
    const model::NamedTensors parameters = large_parameters();
    Optimizer optimizer(parameters, config, alone);
    optimizer.divide_by(division);
    for (int step = 0; step < 3; ++step) {
      optimizer.zero_gradients();
      for (const auto& [name, parameter] : parameters) {
        parameter.mutable_grad().add_(parameter.detach().sin());
      }
      const at::Tensor norm = optimizer.gradient_norm();
      EXPECT_NEAR(norm.item<double>(),
                  at::linalg_vector_norm(optimizer.gradients().to(at::kDouble), 2).item<double>(),
                  1e-4 * norm.item<double>());
      optimizer.step(1e-2, norm, at::zeros({}));
    }
    results.push_back(optimizer.weights());
    const auto average = optimizer.average(optimizer.gather());
    results.back().insert(results.back().end(), average.begin(), average.end());
  }
  ASSERT_EQ(results[0].size(), 4U);
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(at::equal(results[0][i].second, results[1][i].second)) << results[0][i].first;
  }
}

}  // namespace
}  // namespace tpt::train
