// deploy/ against the systems it is for, or what they publish.
#include "flow/program.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace tpt::flow {
namespace {

// What the script printed, and its exit status.
std::pair<std::string, int> python(const std::string& arguments) {
  const std::string command =
      std::string(TPT_PYTHON) + " " + TPT_SOURCE_DIR + "/tests/deploy/" + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> piece{};
  for (std::size_t got = 0; (got = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    output.append(piece.data(), got);
  }
  const int status = pclose(pipe);
  return {output, WIFEXITED(status) ? WEXITSTATUS(status) : -1};
}

constexpr int kSkipped = 77;

TEST(DeploySlow, AnArrayOnARealSlurmSurvivesAKillAndADrain) {
  const auto [output, status] =
      python("slurm_test.py " + std::string(TPT_PROGRAM) + " " + TPT_SOURCE_DIR);
  if (status == kSkipped) GTEST_SKIP() << output;
  EXPECT_EQ(status, 0) << output;
  std::printf("%s", output.c_str());
}

TEST(DeploySlow, TwoProcessesOfRealLaunchersTrainAsOne) {
  for (const std::string launcher : {"torchrun", "srun"}) {
    const auto [output, status] = python("launchers_test.py " + launcher + " " + TPT_PROGRAM);
    if (status != kSkipped) {
      EXPECT_EQ(status, 0) << output;
    }
    std::printf("%s", output.c_str());
  }
}

TEST(DeploySlow, TheKubernetesManifestFitsItsSchemas) {
  const auto [output, status] = python("kubernetes_test.py " + std::string(TPT_SOURCE_DIR));
  if (status == kSkipped) GTEST_SKIP() << output;
  EXPECT_EQ(status, 0) << output;
}

}  // namespace
}  // namespace tpt::flow
