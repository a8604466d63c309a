// Many requests at once: what they cost in memory, and what happens when files run out.
#include "engine/http_engine_rig.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace tpt::engine {
namespace {

constexpr const char* kAnswer =
    R"({"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":1,"completion_tokens":1}})";

void answer_late(double seconds, HttpExchange& exchange) {
  exchange.after(seconds,
                 [](HttpExchange& same) { same.answer(200, "application/json", kAnswer); });
}

std::vector<Request> many(std::size_t count) {
  std::vector<Request> requests(count);
  for (Request& request : requests) request.prompt = std::string(1024, 'p');
  return requests;
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  std::int64_t whole = 0;
  std::int64_t resident = 0;
  file >> whole >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

TEST(HttpLoadSlow, TwentyThousandInFlightStayUnderOneGibibyte) {
  HttpServer server(
      {}, [](const HttpServerRequest&, HttpExchange& exchange) { answer_late(6, exchange); });
  HttpClient client;
  HttpEngine engine(client, config_for(server));
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  // Both ends of each connection are in this process.
  const std::size_t count = std::min<std::size_t>(20'000, (files.rlim_cur - 1'000) * 9 / 20);
  const double before = resident_mib();
  std::vector<double> peaks;
  for (int round = 0; round < 3; ++round) {
    double peak = 0;
    std::jthread watch([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        peak = std::max(peak, resident_mib());
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    });
    const std::vector<Response> responses = ask(engine, many(count));
    watch.request_stop();
    watch.join();
    peaks.push_back(peak);
    for (const Response& response : responses) ASSERT_EQ(response.text, "ok") << response.error;
  }
  const double kib = (peaks.back() - before) * 1024 / static_cast<double>(count);
  RecordProperty("in_flight", static_cast<int>(count));
  RecordProperty("kib_a_request_with_its_server", std::to_string(kib));
  // A thread's stack or a megabyte of buffers for each would be seen at once.
  EXPECT_LT(kib, 52.0);
  EXPECT_LT(peaks[2], peaks[1] * 1.03 + 4);
}

// Runs in a process of its own: the limit cannot be raised again.
void ask_with_few_files(const std::string& url) {
  const rlimit few{300, 300};
  if (setrlimit(RLIMIT_NOFILE, &few) != 0) _exit(2);
  HttpClient client;
  HttpConfig config;
  config.url = url;
  config.model = "m";
  config.proxy = "none";
  config.api_key_env = "";
  HttpEngine engine(client, config);
  std::jthread opener([](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::FILE* file = std::fopen("/dev/null", "r");
      if (file == nullptr) _exit(3);
      std::fclose(file);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int round = 0; round < 2; ++round) {
    for (const Response& response : ask(engine, many(700), std::chrono::seconds(60))) {
      if (response.text != "ok") _exit(4);
    }
  }
  // Another peer gets files although the first one's connections are kept.
  HttpEngine other(client, config);
  for (const Response& response : ask(other, many(250), std::chrono::seconds(60))) {
    if (response.text != "ok") _exit(5);
  }
  _exit(0);
}

TEST(HttpLoad, RequestsBeyondTheLimitOfFilesWait) {
  HttpServer server(
      {}, [](const HttpServerRequest&, HttpExchange& exchange) { answer_late(0.2, exchange); });
  // A fork, so that the server stays in this process with files of its own.
  GTEST_FLAG_SET(death_test_style, "fast");
  EXPECT_EXIT(ask_with_few_files(server.url()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tpt::engine
