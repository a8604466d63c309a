// Answers that come piece by piece: seen as they grow, stopped, kept in part, gone on with.
#include "base/error.h"
#include "engine/http_engine_rig.h"
#include "temporary_folder.h"

#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;

std::string sse(const std::string& field, const std::string& text) {
  return "data: " +
         dump_json({{"choices", {{{"delta", {{field, text}}}, {"finish_reason", nullptr}}}}}) +
         "\n\n";
}

// Streams `events`, a few milliseconds apart, then does `end`.
HttpHandler stream_of(std::vector<std::string> events, std::function<void(HttpExchange&)> end) {
  return [events, end](const HttpServerRequest& request, HttpExchange& exchange) {
    EXPECT_EQ(Json::parse(request.body)["stream"], true);
    exchange.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
    struct Drip {
      std::size_t next = 0;
      std::function<void(HttpExchange&)> step;
    };
    auto drip = std::make_shared<Drip>();
    exchange.attach(drip);
    drip->step = [events, end, raw = drip.get()](HttpExchange& same) {
      if (raw->next == events.size()) {
        end(same);
        return;
      }
      const std::string& event = events[raw->next++];
      same.write(fmt::format("{:x}\r\n{}\r\n", event.size(), event));
      same.after(0.002, raw->step);
    };
    drip->step(exchange);
  };
}

void end_stream(HttpExchange& exchange) {
  exchange.write("0\r\n\r\n");
  exchange.end();
}

TEST(HttpEngine, StreamsThinking) {
  HttpServer server(
      {}, stream_of({": hello\n\n", sse("reasoning_content", "wh"), sse("reasoning_content", "y"),
                     sse("content", "so"),
                     "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
                     "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
                     "\"completion_tokens\":9}}\n\n",
                     "data: [DONE]\n\n"},
                    &end_stream));
  HttpClient client;
  HttpConfig config = config_for(server);
  config.stream = true;
  HttpEngine engine(client, config);
  const Response response = ask_one(engine, request_of("p"));
  EXPECT_EQ(response.text, "why") << response.error;
  EXPECT_EQ(response.generated_tokens, 9);
  config.part = AnswerPart::answer;
  HttpEngine answers(client, config);
  EXPECT_EQ(ask_one(answers, request_of("p")).text, "so");
}

TEST(HttpEngine, ALoopIsClosedAtTheServer) {
  std::vector<std::string> events(400, sse("reasoning_content", "again "));
  HttpServer server({}, stream_of(events, &end_stream));
  HttpClient client;
  HttpConfig config = config_for(server);
  config.stream = true;
  HttpEngine engine(client, config);
  Request request = request_of("p");
  request.keep_going = [](std::string_view text) { return text.size() < 300; };
  const Response response = ask_one(engine, std::move(request));
  EXPECT_EQ(response.finish, Finish::loop);
  EXPECT_EQ(response.failure, Failure::none);
  EXPECT_EQ(response.text.size(), 300U) << "ends with the event that said enough";
  EXPECT_EQ(response.generated_tokens, 50) << "one an event";
  EXPECT_TRUE(response.tokens_estimated);
  for (int i = 0; i < 1000 && server.counts().connections_open > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(server.counts().connections_open, 0);
}

TEST(HttpEngine, PartialThinkingIsKept) {
  const std::vector<std::string> events = {sse("content", "<think>first"),
                                           sse("content", " second")};
  struct Case {
    std::function<void(HttpExchange&)> end;
    Failure failure;
  };
  const std::vector<Case> cases = {
      {[](HttpExchange& exchange) { exchange.reset(); }, Failure::unreachable},
      {[](HttpExchange& exchange) { exchange.close(); }, Failure::unreachable},
      {&end_stream, Failure::unreachable},
      {[](HttpExchange&) {}, Failure::timed_out},
      {[](HttpExchange& exchange) {
         exchange.write("9\r\ndata: {\n\n\r\n");
         end_stream(exchange);
       },
       Failure::broken}};
  for (const Case& one : cases) {
    HttpServer server({}, stream_of(events, one.end));
    HttpClient client;
    HttpConfig config = config_for(server);
    config.stream = true;
    config.idle_seconds = 0.5;
    HttpEngine engine(client, config);
    const Response response = ask_one(engine, request_of("p"));
    EXPECT_EQ(response.finish, Finish::error);
    EXPECT_EQ(failure_name(response.failure), failure_name(one.failure)) << response.error;
    EXPECT_EQ(response.text, "first second");
    EXPECT_EQ(response.generated_tokens, 5) << "of 19 bytes";
    EXPECT_TRUE(response.tokens_estimated);
  }
}

TEST(HttpEngine, ASeenEndIsAnEnd) {
  HttpServer server({}, stream_of({sse("content", "all"), "data: [DONE]\n\n"},
                                  [](HttpExchange& exchange) { exchange.reset(); }));
  HttpClient client;
  HttpConfig config = config_for(server);
  config.stream = true;
  HttpEngine engine(client, config);
  const Response response = ask_one(engine, request_of("p"));
  EXPECT_EQ(response.finish, Finish::stop) << response.error;
  EXPECT_EQ(response.text, "all");
}

TEST(HttpEngine, ContinuesOrSaysThatItCannot) {
  Json body;
  std::string path;
  HttpServer server({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    body = Json::parse(request.body);
    path = request.path;
    exchange.answer(200, "application/json", answer_json("\ngoes on"));
  });
  HttpClient client;
  HttpConfig config = config_for(server);
  Request request = request_of("p");
  request.answer_start = "<think>\nSo far";
  HttpEngine without(client, config);
  const Response refused = ask_one(without, request);
  EXPECT_EQ(refused.failure, Failure::refused);
  EXPECT_EQ(server.counts().requests, 0);
  config.prefill = Prefill::continued;
  HttpEngine with(client, config);
  EXPECT_EQ(ask_one(with, request).text, "\ngoes on");
  EXPECT_EQ(body["messages"].back()["content"], "<think>\nSo far");
  request.chat = false;
  EXPECT_EQ(ask_one(with, request).text, "\ngoes on");
  EXPECT_EQ(path, "/v1/completions");
  EXPECT_EQ(body["prompt"], "p<think>\nSo far");
}

TEST(HttpEngine, CancelledAndDestroyedRequestsAreClosed) {
  HttpServer silent({}, [](const HttpServerRequest&, HttpExchange& exchange) {
    exchange.after(3600, [](HttpExchange&) {});
  });
  const auto wait_for_open = [&](std::int64_t open) {
    for (int i = 0; i < 3000 && silent.counts().connections_open != open; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return silent.counts().connections_open;
  };
  HttpClient client;
  std::stop_source source;
  Request request = request_of("p");
  request.cancel = source.get_token();
  std::atomic<int> late = 0;
  {
    HttpEngine engine(client, config_for(silent));
    std::promise<Response> promise;
    engine.submit(request, [&](Response response) { promise.set_value(std::move(response)); });
    EXPECT_EQ(wait_for_open(1), 1);
    source.request_stop();
    EXPECT_EQ(promise.get_future().get().failure, Failure::cancelled);
    EXPECT_EQ(wait_for_open(0), 0);
    for (int i = 0; i < 50; ++i) {
      engine.submit(request_of("p"), [&](const Response&) { ++late; });
    }
    EXPECT_EQ(wait_for_open(50), 50);
  }
  EXPECT_EQ(wait_for_open(0), 0);
  EXPECT_EQ(late, 0);
}

}  // namespace
}  // namespace tpt::engine
