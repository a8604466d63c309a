#include "app/command_line.h"
#include "app/verbs.h"
#include "base/log.h"
#include "engine/mock_server.h"

#include <fmt/core.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <stop_token>

namespace tpt::app {
namespace {

constexpr double kGraceSeconds = 2;

std::string summary() {
  std::string text =
      "An OpenAI-compatible server without a model, to rehearse a run with: the same request "
      "always "
      "gets the same text, and things go wrong as often as asked. Prints its URL when it is ready; "
      "Ctrl-C ends it with a line of counts. GET /mock/stats gives them meanwhile, POST "
      "/mock/config changes options, GET /mock/requests lists requests (--log-requests).\n\n"
      "Faults (--fault NAME=SHARE):";
  for (const engine::MockFaultName& known : engine::mock_fault_names()) {
    text += fmt::format("\n  {:<14} {}", known.name, known.what);
  }
  return text;
}

void wait_for(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
}

}  // namespace

void mock_server_verb(Arguments arguments, Run run) {
  engine::MockConfig config;
  config.listen = "127.0.0.1:8000";
  CommandLine line("mock-server", summary());
  line.section("mock", config);
  line.example("tpt mock-server --latency-seconds 2 --max-concurrent 256");
  line.example(
      "tpt mock-server --listen :8001 --fault busy=0.1 --fault cut=0.05 --think reasoning");
  line.example("tpt mock-server --answer-tokens 800 --length-spread lognormal --loop-share 0.05");
  line.example("tpt mock-server --outage 30:60");
  line.example("curl -d '{\"fault\":[\"500=0.2\"]}' http://127.0.0.1:8000/mock/config");
  if (!line.parse(arguments)) return;
  engine::MockServer server(std::move(config));
  const std::int64_t files = engine::raise_open_files_limit();
  if (files < engine::kWantedOpenFiles) {
    log_warning("at most {} connections: the system's limit of open files (ulimit -Hn) is {}",
                files - engine::kOwnOpenFiles, files);
  }
  fmt::print("{}/v1\n", server.url());
  std::fflush(stdout);
  wait_for(run.stop);
  server.stop(kGraceSeconds);
  fmt::print("{}\n", dump_json(server.stats_json()));
}

}  // namespace tpt::app
