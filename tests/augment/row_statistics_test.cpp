// The statistics of a run against its rows.
#include "augment/row_statistics.h"

#include "scenario.h"

#include <gtest/gtest.h>

namespace tpt::augment {
namespace {

TEST(RowStatistics, CountEveryRowOfARunOnce) {
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(std::chrono::milliseconds(0));
  fake.failure_share = 0.1;
  fake.failures_of_a_key = 3;
  engine::FakeEngine engine(fake);
  Config config = scenario_config();
  config.max_failed_share = 1;
  RowStatistics statistics;
  const Counts counts = run_scenario(config, scenario_documents(200), engine, folder.path(), {},
                                     {.gate = scenario_gate, .statistics = &statistics});
  EXPECT_GT(counts.failed, 0);
  EXPECT_GT(counts.rejected, 0);
  EXPECT_EQ(statistics.all().rows, counts.rows);
  EXPECT_EQ(statistics.all().rejected, counts.rejected);
  EXPECT_EQ(statistics.all().failed, counts.failed);
  EXPECT_EQ(statistics.documents(), 200);
  EXPECT_EQ(statistics.rejected_by_reason(), counts.reasons);
  EXPECT_EQ(statistics.all().thinking_tokens, counts.thinking_tokens - counts.rejected_tokens);
  EXPECT_EQ(statistics.answer_tokens().sum(), counts.thinking_tokens);
}

}  // namespace
}  // namespace tpt::augment
