// For tests that measure the memory of their process: other tests leave a heap in pieces behind,
// and a copy of the process would have it too.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace tpt {

// Runs the calling test again as the only one of this program started anew, and expects that it
// passes there. True in that process, where the test goes on; in this one it is done.
//
//   if (!in_own_process()) return;
inline bool in_own_process() {
  constexpr const char* kMark = "TPT_TEST_IN_OWN_PROCESS";
  if (std::getenv(kMark) != nullptr) return true;
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string filter =
      std::string("--gtest_filter=") + test->test_suite_name() + "." + test->name();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv(kMark, "1", 1);
    ::unsetenv("GTEST_OUTPUT");
    ::execl("/proc/self/exe", "test", filter.c_str(), "--gtest_brief=1",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "in a process of its own";
  return false;
}

}  // namespace tpt
