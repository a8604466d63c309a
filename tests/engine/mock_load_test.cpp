// The mock server under the world's clients: the openai package, aiohttp, and wrk's load.
#include "engine/mock_client.h"
#include "engine/mock_server.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char letters[4096];
  for (std::size_t got = 0; (got = fread(letters, 1, sizeof letters, pipe)) > 0;) {
    output.append(letters, got);
  }
  pclose(pipe);
  return output;
}

TEST(MockServerSlow, ThePackagesOfPythonAreContent) {
  const std::string python = TPT_PYTHON;
  if (python.empty() ||
      output_of(python + " -c 'import openai, aiohttp; print(1)' 2>&1") != "1\n") {
    GTEST_SKIP() << "no openai and aiohttp: make setup-test";
  }
  for (const std::string think : {"none", "reasoning_content", "tags"}) {
    MockServer server({.answer_bytes = 2000});
    server.configure({{"think", think}});
    const std::string output =
        output_of(python + " " TPT_SOURCE_DIR "/tests/engine/mock_clients_oracle.py " +
                  server.url() + "/v1 2>&1");
    const Json seen = Json::parse(output, nullptr, false);
    ASSERT_FALSE(seen.is_discarded()) << output;
    EXPECT_EQ(seen.at("models"), Json::array({"mock"}));
    EXPECT_TRUE(seen.at("streams_the_same"));
    EXPECT_TRUE(seen.at("counts_the_same"));
    EXPECT_TRUE(seen.at("aiohttp_the_same"));
    EXPECT_EQ(seen.at("finish"), Json::array({"stop", "stop"}));
    EXPECT_EQ(seen.at("plain"), "length");
    EXPECT_EQ(seen.at("other_model"), 404);
    EXPECT_THAT(seen.at("too_long").get<std::string>(), HasSubstr("maximum context length"));
    EXPECT_EQ(seen.at("reasoning").is_null(), think != "reasoning_content");
  }
}

// wrk asks as fast as it can; every answer must be a good one.
TEST(MockServerSlow, EveryAnswerIsGoodUnderLoad) {
  if (output_of("command -v wrk").empty()) GTEST_SKIP() << "no wrk: apt-get install wrk";
  const TemporaryFolder folder;
  const std::string script = (folder / "ask.lua").string();
  std::ofstream(script) << R"(
    local n = 0
    request = function()
      n = n + 1
      return wrk.format("POST", "/v1/chat/completions", {["Content-Type"] = "application/json"},
        '{"messages":[{"role":"user","content":"' .. n .. string.rep(" word", 200) .. '"}],"stream":' ..
        (n % 10 == 0 and "true" or "false") .. '}')
    end)";
  for (const int connections : {64, 2000}) {
    MockServer server({.threads = 2, .answer_bytes = 4096, .max_concurrent = 500});
    const std::string output = output_of(fmt::format(
        "wrk -t1 -c{} -d2s --timeout 30s -s {} {} 2>&1", connections, script, server.url()));
    EXPECT_THAT(output, HasSubstr("requests in"));
    EXPECT_THAT(output, Not(HasSubstr("Non-2xx")));
    EXPECT_THAT(output, Not(HasSubstr("Socket errors"))) << output;
    EXPECT_TRUE(eventually([&] { return server.stats().in_flight == 0; }));
    const MockStats stats = server.stats();
    EXPECT_GT(stats.answered, connections);
    EXPECT_EQ(stats.bad_requests, 0);
    EXPECT_LE(stats.most_in_flight, connections);
  }
}

std::int64_t resident_bytes() {
  std::ifstream status("/proc/self/statm");
  std::int64_t pages = 0;
  status >> pages >> pages;
  return pages * 4096;
}

// Held by the thousand: each with its connection, its request and its place in the queue.
TEST(MockServerSlow, ThousandsInFlightCostLittleMemory) {
  const auto held = std::min<std::int64_t>(8000, (raise_open_files_limit() - 200) / 2);
  if (held < 2000) GTEST_SKIP() << "the limit of open files is too low: ulimit -Hn";
  MockServer server({.latency_seconds = 600});
  const std::int64_t before = resident_bytes();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::int64_t i = 0; i < held; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    ASSERT_TRUE(clients.back()->connected()) << i;
    clients.back()->send(chat_request("p" + std::to_string(i) + std::string(1000, 'x')));
  }
  EXPECT_TRUE(eventually([&] { return server.stats().in_flight == held; }, 20));
  EXPECT_LT((resident_bytes() - before) / held, 4000) << "bytes a request, its client included";
  clients.clear();
  EXPECT_TRUE(eventually([&] { return server.stats().in_flight == 0; }, 20));
  EXPECT_EQ(server.stats().client_left, held);
}

// In a process of its own, because the limit is the process's.
[[noreturn]] void serve_with_few_files() {
  const rlimit few{.rlim_cur = 150, .rlim_max = 150};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) std::_Exit(1);
  MockServer server({.answer_bytes = 100});
  std::vector<std::unique_ptr<RawClient>> clients;
  while (clients.size() < 200) {
    auto client = std::make_unique<RawClient>(server.port(), 5);
    if (!client->connected()) break;
    clients.push_back(std::move(client));
  }
  if (clients.size() < 60 || clients.size() == 200) std::_Exit(2);
  // Free all but the last one, which may be among those that wait.
  std::unique_ptr<RawClient> last = std::move(clients.back());
  clients.clear();
  last->send(chat_request("p"));
  if (status_of(last->read_answer()) != 200) std::_Exit(3);
  std::_Exit(0);
}

// More connections than there are file descriptors: those wait, nobody is lost.
TEST(MockServerSlow, GoesOnWhenFilesRunOut) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer itself needs file descriptors";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(serve_with_few_files(), testing::ExitedWithCode(0), "no more connections");
}

}  // namespace
}  // namespace tpt::engine
