#include "app/train_plan.h"

#include "base/error.h"
#include "model/named_shapes.h"

#include <gtest/gtest.h>

namespace tpt::app {
namespace {

train::Config paper() {
  train::Config config;
  config.seq_length = 8192;
  config.batch_rows = 1;
  config.accumulation = 128;
  config.precision = model::Precision::bf16;
  config.recompute_layers = true;
  config.train_tokens = 100'000'000'000;
  return config;
}

TEST(TrainPlan, ThePapersMainRunOnEightH200) {
  const TrainPlan plan =
      make_train_plan(model::named_shape("llama-3.1-8b"), paper(), {.ranks = 8}, "h200");
  EXPECT_TRUE(plan.fits());
  EXPECT_GE(plan.most_rows, 1);
  EXPECT_DOUBLE_EQ(plan.tokens_a_step, 8192.0 * 128);
  EXPECT_EQ(plan.rows_a_pass, 1);
  // 6 x 7.505 B weights in products (8,030,261,248 without the embedding and 65 norms), and
  // attention over half a row: 12 L D t / 2.
  const double flops = 6 * 7504658432.0 + 12.0 * 32 * 4096 * (8192 + 1) / 2;
  EXPECT_NEAR(plan.flops_a_token, flops, 1e-6 * flops);
  EXPECT_NEAR(plan.days, 1e11 * flops / (8 * 0.4 * 989.4e12) / 86400, 1e-6 * plan.days);
  // Weights, gradients and two moments in fp32 alone are 16 bytes of 8.03 B: 120 of an H200's 140
  // GiB.
  const TrainPlan alone = make_train_plan(model::named_shape("llama-3.1-8b"), paper(), {}, "h100");
  EXPECT_FALSE(alone.fits());
  EXPECT_EQ(alone.most_rows, 0);
}

TEST(TrainPlan, APassHasNoMoreRowsThanARankHasOfAStep) {
  train::Config config = paper();
  config.batch_rows = 16;
  config.accumulation = 2;
  const model::Config model = model::named_shape("qwen2.5-0.5b");
  EXPECT_EQ(make_train_plan(model, config, {.ranks = 1}, "h200").rows_a_pass, 16);
  EXPECT_EQ(make_train_plan(model, config, {.ranks = 8}, "h200").rows_a_pass, 4);
}

TEST(TrainPlan, DocumentsApartAreLessWork) {
  train::Config config = paper();
  config.cross_document_attention = false;
  const auto flops = [&](std::int64_t document_tokens) {
    return make_train_plan(model::named_shape("qwen3-0.6b"), config,
                           {.document_tokens = document_tokens}, "h200")
        .flops_a_token;
  };
  EXPECT_LT(flops(1000), flops(3000));
  EXPECT_LT(flops(3000), flops(0));
  EXPECT_DOUBLE_EQ(flops(8192), flops(0));
  EXPECT_DOUBLE_EQ(flops(100000), flops(0));
}

TEST(TrainPlan, ADeviceThatIsNotKnownNeedsItsMemory) {
  const model::Config model = model::named_shape("smollm2-135m");
  EXPECT_THROW(make_train_plan(model, paper(), {}, "h900"), Error);
  const TrainPlan plan = make_train_plan(model, paper(), {.memory_gib = 20}, "h900");
  EXPECT_TRUE(plan.fits());
  EXPECT_EQ(plan.peak_flops, 0);
  EXPECT_EQ(to_json(plan).at("peak_flops"), "unknown");
  EXPECT_FALSE(to_json(plan).contains("days"));
}

TEST(TrainPlan, RowsLongerThanTheModelAreRefused) {
  train::Config config = paper();
  config.seq_length = 16384;
  EXPECT_THROW(make_train_plan(model::named_shape("smollm2-135m"), config, {}, "h200"), Error);
}

}  // namespace
}  // namespace tpt::app
