// Networks with a repeated block through whole runs.
#include "train/small_run.h"

#include <gtest/gtest.h>

#include <set>

namespace tpt::train {
namespace {

class RepeatedBlocks : public testing::Test {
 protected:
  void SetUp() override { write_sum_shards(shards(), 100); }
  std::filesystem::path shards() const { return folder_.path() / "shards"; }

  Result run_model(const model::Config& model, const Config& config, const std::string& name,
                   std::stop_token stop = {}) const {
    NoProgress quiet;
    return run(config, model, shards(), folder_.path() / name, quiet, stop);
  }

  static model::Config repeated() {
    model::Config model = small_model();
    model.num_layers = 3;
    model.recurrence = {.first_layer = 1, .num_layers = 1, .mean_repeats = 2, .repeats = 3};
    return model;
  }

  TemporaryFolder folder_;
};

TEST_F(RepeatedBlocks, RunAsOftenAsTheStepDraws) {
  Config config = small_config();
  config.train_tokens = 30 * 128;
  const Result result = run_model(repeated(), config, "run");
  ASSERT_EQ(result.steps, 30);
  const model::Transformer network = model::load_transformer(result.checkpoints.back().folder);
  const model::Config& shape = network.config();
  EXPECT_EQ(shape.recurrence, repeated().recurrence);
  std::set<std::int64_t> depths;
  double matmul = 0;
  double attended = 0;
  for (std::int64_t step = 0; step < 30; ++step) {
    const std::int64_t repeats = model::sampled_repeats(shape.recurrence, 1, step);
    depths.insert(repeats);
    const model::Config laid_out = model::unrolled(shape, repeats);
    matmul += 6.0 * 128 * static_cast<double>(model::num_matmul_parameters(laid_out));
    attended += 12.0 * 128 * static_cast<double>(laid_out.num_layers * 32) * 33 / 2;
  }
  EXPECT_GE(depths.size(), 4U);
  EXPECT_NEAR(result.flops, matmul + attended, 1e-6 * result.flops);
  EXPECT_EQ(weights_of(result), weights_of(run_model(repeated(), config, "same")));
  config.seed = 2;
  EXPECT_NE(weights_of(result), weights_of(run_model(repeated(), config, "other")));
}

TEST_F(RepeatedBlocks, GoOnFromAStopBitForBit) {
  Config config = small_config();
  config.train_tokens = 20 * 128;
  config.checkpoint_tokens = {7 * 128};
  const std::string whole = weights_of(run_model(repeated(), config, "whole"));
  config.state_every_seconds = 0;
  std::stop_source stop;
  StopAt progress(stop, 9 * 128);
  EXPECT_THROW(
      run(config, repeated(), shards(), folder_.path() / "stopped", progress, stop.get_token()),
      Interrupted);
  EXPECT_EQ(weights_of(run_model(repeated(), config, "stopped")), whole);
}

}  // namespace
}  // namespace tpt::train
