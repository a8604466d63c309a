#include "app/plan.h"

#include <gtest/gtest.h>

namespace tpt::app {
namespace {

// The paper's cost (derived): 100 B training tokens, half of them thinking, are about 15k to 20k
// A100-hours at 930 generated tokens a second.
TEST(Plan, ThePapersMainRun) {
  PlanConfig config;
  config.parameters = 8'030'000'000;
  const CorpusSize corpus{
      .documents = 50e6, .bytes = 200e9, .document_tokens = 45e9, .full_document_tokens = 50e9};
  const Plan plan = make_plan(config, corpus, 1000, 4);
  EXPECT_DOUBLE_EQ(plan.thinking_tokens, 50e9);
  EXPECT_NEAR(plan.generation_gpu_hours, 50e9 / 930 / 3600, 1);
  EXPECT_NEAR(plan.shard_tokens, 100e9 + 150e6, 1);
  EXPECT_NEAR(plan.shard_bytes, 4 * plan.shard_tokens, 1);
  // 6 N D over 40 % of 312 TFLOPS.
  EXPECT_NEAR(plan.train_gpu_hours, 6 * 8.03e9 * plan.shard_tokens / (312e12 * 0.4) / 3600, 1);
}

TEST(Plan, TheFilterTakesDocumentAndThinking) {
  PlanConfig config{.kept_share = 0.5, .parameters = 1000, .price_per_gpu_hour = 2};
  const CorpusSize corpus{.documents = 100, .bytes = 1000, .full_document_tokens = 300};
  const Plan plan = make_plan(config, corpus, 10, 2);
  EXPECT_DOUBLE_EQ(plan.shard_tokens, (300 + 1000) * 0.5 + 50 * 3);
  EXPECT_DOUBLE_EQ(plan.price, 2 * (plan.generation_gpu_hours + plan.train_gpu_hours));
  config.train_tokens = 5000;
  EXPECT_DOUBLE_EQ(make_plan(config, corpus, 10, 2).train_tokens, 5000);
}

}  // namespace
}  // namespace tpt::app
