// A fleet over real sockets: servers in this process that die, come back, join and leave.
#include "app/http_engines.h"

#include "app/engines.h"
#include "base/error.h"
#include "engine/http_server.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace tpt::app {
namespace {

using testing::HasSubstr;

// Answers as vLLM would, `delay_seconds` later.
class SmallServer {
 public:
  explicit SmallServer(double delay_seconds = 0.02, const std::string& model = "m")
      : delay_seconds_(delay_seconds),
        model_(model),
        server_({}, [this](const engine::HttpServerRequest& request,
                           engine::HttpExchange& exchange) { handle(request, exchange); }) {}
  ~SmallServer() { server_.stop(); }

  const std::string& url() const { return server_.url(); }
  std::int64_t asked() const { return asked_; }
  void set_away(bool away) { server_.set_away(away); }

 private:
  void handle(const engine::HttpServerRequest& request, engine::HttpExchange& exchange) {
    if (request.path == "/v1/models") {
      exchange.answer(200, "application/json",
                      fmt::format(R"({{"object":"list","data":[{{"id":"{}"}}]}})", model_));
      return;
    }
    ++asked_;
    exchange.after(delay_seconds_, [](engine::HttpExchange& later) {
      later.answer(200, "application/json",
                   R"({"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",)"
                   R"("reasoning_content":"thought","content":"said"}}],)"
                   R"("usage":{"prompt_tokens":7,"completion_tokens":3}})");
    });
  }

  double delay_seconds_;
  std::string model_;
  std::atomic<std::int64_t> asked_ = 0;
  engine::HttpServer server_;
};

struct Outcome {
  std::atomic<std::int64_t> answers = 0;
  std::atomic<std::int64_t> failures = 0;
  std::atomic<std::int64_t> doubled = 0;
};

// Keeps `in_flight` of `count` requests in the engine; `at` is called when so many are answered.
void ask(engine::Engine& engine, std::int64_t count, std::int64_t in_flight, Outcome& outcome,
         const std::function<void(std::int64_t answered)>& at = {}) {
  std::vector<std::atomic<int>> seen(static_cast<std::size_t>(count));
  std::atomic<std::int64_t> settled = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    while (i - settled >= in_flight) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (at) at(settled);
    engine::Request request;
    request.key = std::to_string(i);
    request.prompt = "think";
    engine.submit(std::move(request), [&, i](engine::Response response) {
      (response.finish == Finish::error ? outcome.failures : outcome.answers) += 1;
      outcome.doubled += seen[static_cast<std::size_t>(i)]++;
      ++settled;
    });
  }
  while (settled < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

EngineConfig config_of(const std::vector<std::string>& urls) {
  EngineConfig config;
  config.http.urls = urls;
  config.http.fleet.probe_seconds = 0.05;
  config.http.fleet.max_probe_seconds = 0.2;
  config.http.fleet.retry_seconds = 0.05;
  config.http.urls_refresh_seconds = 0.05;
  return config;
}

augment::EndpointStatus status_of(const engine::Engine& engine, const std::string& url) {
  for (const augment::EndpointStatus& status : endpoints_of(engine)) {
    if (status.name.starts_with(url)) return status;
  }
  return {};
}

bool wait_for(const std::function<bool()>& ready) {
  for (int i = 0; i < 1000 && !ready(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return ready();
}

TEST(HttpEngines, OneOfThreeDiesInTheMiddleAndComesBack) {
  std::vector<std::unique_ptr<SmallServer>> servers;
  std::vector<std::string> urls;
  for (int i = 0; i < 3; ++i) {
    servers.push_back(std::make_unique<SmallServer>());
    urls.push_back(servers.back()->url());
  }
  const auto engine = make_engine(config_of(urls));
  EXPECT_EQ(engine->name(), "http:m");
  Outcome outcome;
  bool away = false;
  bool back = false;
  ask(*engine, 1500, 60, outcome, [&](std::int64_t answered) {
    if (answered > 300 && !away) {
      away = true;
      servers[0]->set_away(true);
    }
    if (answered > 900 && !back) {
      back = true;
      servers[0]->set_away(false);
    }
  });
  EXPECT_EQ(outcome.answers, 1500);
  EXPECT_EQ(outcome.failures, 0);
  EXPECT_EQ(outcome.doubled, 0);
  EXPECT_GT(status_of(*engine, urls[0]).failures["unreachable"], 0);
  EXPECT_GT(servers[1]->asked(), 300);
  EXPECT_EQ(status_of(*engine, urls[1]).generated_tokens, 3 * status_of(*engine, urls[1]).answers);
}

TEST(HttpEngines, WaitsForAServerThatIsNotUpYet) {
  SmallServer server;
  server.set_away(true);
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    server.set_away(false);
  });
  const auto engine = make_engine(config_of({server.url()}));
  EXPECT_EQ(engine->name(), "http:m");
}

TEST(HttpEngines, WaitsNoLongerThanItsPatienceOrUntilItIsStopped) {
  EngineConfig config = config_of({"http+dns://nowhere.invalid:8000/v1"});
  config.http.fleet.patience_seconds = 1;
  try {
    make_engine(config);
    FAIL() << "there is no endpoint";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_THAT(error.what(), HasSubstr("no endpoint yet"));
  }
  config.http.fleet.patience_seconds = 300;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(make_engine(config, 0, stop.get_token()), Interrupted);
}

TEST(HttpEngines, AServerOfAnotherModelGetsNothing) {
  SmallServer first(0.02, "m");
  SmallServer other(0.0001, "other");
  const auto engine = make_engine(config_of({first.url(), other.url()}));
  EXPECT_EQ(engine->name(), "http:m");
  ASSERT_TRUE(wait_for([&] { return status_of(*engine, other.url()).state == "down"; }));
  const std::int64_t before = other.asked();
  Outcome outcome;
  ask(*engine, 200, 16, outcome);
  EXPECT_EQ(outcome.answers, 200);
  EXPECT_EQ(other.asked(), before);
}

TEST(HttpEngines, AMixtureOfModelsNamesTheOneThatWrote) {
  SmallServer first(0.005, "m");
  SmallServer other(0.005, "other");
  EngineConfig config = config_of({first.url(), other.url()});
  config.http.fleet.allow_mixed_models = true;
  const auto engine = make_engine(config);
  std::map<std::string, std::set<std::string>> endpoints_by_model;
  std::mutex mutex;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 100; ++i) {
    engine::Request request;
    request.key = std::to_string(i);
    request.prompt = "think";
    engine->submit(std::move(request), [&](const engine::Response& response) {
      const std::scoped_lock lock(mutex);
      endpoints_by_model[response.engine].insert(response.endpoint);
      ++answered;
    });
  }
  ASSERT_TRUE(wait_for([&] { return answered == 100; }));
  EXPECT_EQ(endpoints_by_model.size(), 2U);
  EXPECT_EQ(endpoints_by_model["http:m"].size(), 1U);
  EXPECT_EQ(endpoints_by_model["http:other"].size(), 1U);
}

TEST(HttpEngines, FollowsTheFileOfAddresses) {
  const TemporaryFolder folder;
  SmallServer first;
  SmallServer second;
  const auto file = folder / "urls";
  const auto write = [&](const std::string& text) {
    std::ofstream(file.string() + ".new") << text;
    std::filesystem::rename(file.string() + ".new", file);
  };
  write(first.url() + "\n");
  EngineConfig config = config_of({});
  config.http.urls_file = file.string();
  const auto engine = make_engine(config);
  Outcome outcome;
  ask(*engine, 50, 10, outcome);
  EXPECT_EQ(first.asked(), 50);
  // A second joins beside a line that is none; the first gets a price.
  write("ftp://nowhere\n" + second.url() + "\n" + first.url() + " price_out=1000000\n");
  ASSERT_TRUE(wait_for([&] { return endpoints_of(*engine).size() == 2; }));
  ask(*engine, 100, 10, outcome);
  EXPECT_GT(second.asked(), 20);
  EXPECT_EQ(status_of(*engine, first.url()).spent,
            static_cast<double>(3 * status_of(*engine, first.url()).answers));
  // An empty or missing file changes nothing.
  for (const bool missing : {false, true}) {
    missing ? static_cast<void>(std::filesystem::remove(file)) : write("# nothing\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(status_of(*engine, first.url()).state, "up");
  }
  write(second.url() + "\n");
  ASSERT_TRUE(wait_for([&] { return status_of(*engine, first.url()).state == "left"; }));
  const std::int64_t before = first.asked();
  ask(*engine, 50, 10, outcome);
  EXPECT_EQ(first.asked(), before);
  EXPECT_EQ(outcome.answers, 200);
  EXPECT_EQ(outcome.failures, 0);
}

TEST(HttpEngines, EveryAddressOfANameIsAnEndpoint) {
  SmallServer server;
  EngineConfig config = config_of({});
  const std::string port = server.url().substr(server.url().rfind(':'));
  config.engine = "http+dns://localhost" + port + "/v1";
  config.http.http.model = "m";
  const auto engine = make_engine(config);
  Outcome outcome;
  ask(*engine, 50, 10, outcome);
  EXPECT_EQ(outcome.answers, 50) << "also where the name has an address on which nobody listens";
  EXPECT_EQ(status_of(*engine, "http://localhost" + port + "/v1 at 127.0.0.1").answers, 50);
}

TEST(HttpEngines, SeveralAddressesInTheEngineItself) {
  SmallServer first;
  SmallServer second;
  EngineConfig config = config_of({});
  config.engine = first.url() + "," + second.url();
  const auto engine = make_engine(config);
  EXPECT_EQ(endpoints_of(*engine).size(), 2U);
  Outcome outcome;
  ask(*engine, 60, 10, outcome);
  EXPECT_EQ(outcome.answers, 60);
  EXPECT_GT(first.asked(), 15);
  EXPECT_GT(second.asked(), 15);
}

TEST(HttpEngines, ModelsInTheProcessJoinWhereMixturesAreAllowed) {
  const TemporaryFolder folder;
  SmallServer server;
  EngineConfig config = config_of({server.url(), "llama:" + embedded_model().string()});
  config.llama.parallel = 2;
  try {
    make_engine(config, 256);
    FAIL() << "a mixture was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("allow-mixed-models"));
  }
  config.http.fleet.allow_mixed_models = true;
  const auto engine = make_engine(config, 256);
  std::latch both(4);
  std::atomic<std::int64_t> failures = 0;
  for (int i = 0; i < 4; ++i) {
    engine::Request request;
    request.prompt = "One and one is";
    request.sampling.max_tokens = 4;
    engine->submit(std::move(request), [&](const engine::Response& response) {
      failures += response.finish == Finish::error ? 1 : 0;
      both.count_down();
    });
  }
  both.wait();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(status_of(*engine, "llama:").answers, 0);
}

TEST(HttpEngines, AnswersThatCannotFitAreRefusedBeforeTheyAreAskedFor) {
  SmallServer told(0.02, R"(m","max_model_len":900,"owned_by":"o)");
  SmallServer untold;
  const auto engine = make_engine(config_of({told.url()}));
  EXPECT_NO_THROW(check_answers_fit(*engine, 899, "cap"));
  EXPECT_THROW(check_answers_fit(*engine, 900, "cap"), Error);
  const auto silent = make_engine(config_of({untold.url()}));
  EXPECT_NO_THROW(check_answers_fit(*silent, 100000, "cap"));
}

TEST(HttpEngines, SaysWhatIsMissing) {
  EngineConfig config;
  config.engine = "http";
  EXPECT_THROW(make_engine(config), Error);
  config.http.urls = {"http://127.0.0.1:9"};
  config.http.fleet.patience_seconds = 0.5;
  try {
    make_engine(config);
    FAIL() << "nobody listens there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_THAT(error.what(), HasSubstr("--served-model"));
  }
}

}  // namespace
}  // namespace tpt::app
