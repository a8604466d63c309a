#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace tpt {
namespace {

TEST(Log, GoesToWhoeverAskedForIt) {
  std::vector<std::string> lines;
  set_log_output([&](std::string_view line) { lines.emplace_back(line); });
  log_info("one {}", 1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 100; ++j) log_warning("two");
    });
  }
  for (std::thread& thread : threads) thread.join();
  set_log_output({});
  testing::internal::CaptureStderr();
  log_info("three");
  const std::string errors = testing::internal::GetCapturedStderr();
  ASSERT_EQ(lines.size(), 401U);
  EXPECT_THAT(lines[0], testing::MatchesRegex("[0-9:]+ info one 1"));
  EXPECT_THAT(lines[400], testing::MatchesRegex("[0-9:]+ warning two"));
  EXPECT_THAT(errors, testing::HasSubstr("info three\n"));
}

}  // namespace
}  // namespace tpt
