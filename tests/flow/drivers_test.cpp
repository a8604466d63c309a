// The Python drivers as tests: bench/stress in its small size (a few kills, each fault once, every
// way a disk or a server goes), the step against a real llama-server, and the network that training
// is measured against.
#include "flow/program.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/wait.h>

namespace tpt::flow {
namespace {

Outcome run_script(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {.status = 127};
  char block[4096];
  for (std::size_t count = 0; (count = std::fread(block, 1, sizeof block, pipe)) > 0;) {
    outcome.output.append(block, count);
  }
  const int status = pclose(pipe);
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

TEST(StressSlow, NothingIsLostAndNothingIsThereTwice) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python oracles: scripts/setup --test";
  }
  const std::filesystem::path build = std::filesystem::path(TPT_PROGRAM).parent_path();
  const Outcome outcome =
      run_script("cd " TPT_SOURCE_DIR " && " TPT_PYTHON " bench/stress --small " + build.string());
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("0 not as promised"), std::string::npos) << outcome.output;
}

TEST(LlamaServerSlow, RowsHoldWhatAPlainClientGets) {
  if (!std::filesystem::exists(TPT_PYTHON) || !std::filesystem::exists(TPT_LLAMA_SERVER)) {
    GTEST_SKIP() << "needs llama-server and the Python oracles: scripts/setup --test";
  }
  const TemporaryFolder folder;
  const Outcome outcome =
      run_script(TPT_PYTHON " " TPT_SOURCE_DIR "/tests/flow/llama_server.py " TPT_PROGRAM
                            " " TPT_LLAMA_SERVER " " TPT_SMOLLM2 " " +
                 folder.path().string());
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

// A figure against a peer is worth nothing where the peer trains another network.
TEST(TrainPeerSlow, HasTheLossAndTheGradientsOfTransformers) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "needs the Python oracles: scripts/setup --test";
  }
  const Outcome outcome = run_script(TPT_PYTHON " " TPT_SOURCE_DIR "/bench/train_peer.py check");
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

}  // namespace
}  // namespace tpt::flow
