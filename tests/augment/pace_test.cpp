#include "augment/pace.h"

#include <gtest/gtest.h>

namespace tpt::augment {
namespace {

using std::chrono::seconds;

TEST(Pace, CountsTheTailIn) {
  Pace pace;
  EXPECT_EQ(pace.seconds_left(100, 10), -1);
  const Pace::Clock::time_point start{seconds(1000)};
  pace.settled(0, start);
  for (int i = 0; i < 990; ++i) pace.answered(2);
  for (int i = 0; i < 10; ++i) pace.answered(60);
  pace.settled(200, start + seconds(10));
  EXPECT_DOUBLE_EQ(pace.rate(), 20);
  EXPECT_NEAR(pace.quantile(0.5), 2, 0.1);
  EXPECT_NEAR(pace.quantile(0.999), 60, 3);
  // 800 at 20 a second; of the 200 in flight at the end the slowest will take a minute.
  EXPECT_NEAR(pace.seconds_left(1000, 200), 40 + 60, 4);
  EXPECT_NEAR(pace.seconds_left(3, 3), 2, 0.2);
  EXPECT_EQ(pace.seconds_left(0, 0), 0);
}

TEST(Pace, TakesAnySeconds) {
  Pace pace;
  for (const double value : {-1.0, 0.0, 1e-9, 1e9}) pace.answered(value);
  EXPECT_GT(pace.quantile(1), 1000);
  EXPECT_LT(pace.quantile(0.1), 0.01);
}

}  // namespace
}  // namespace tpt::augment
