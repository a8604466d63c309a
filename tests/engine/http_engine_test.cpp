#include "engine/http_engine.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/ask.h"
#include "engine/http_server.h"
#include "temporary_folder.h"

#include <fstream>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string answer_json(const std::string& text) {
  return dump_json({{"choices", {{{"message", {{"content", text}}}, {"finish_reason", "stop"}}}},
                    {"usage", {{"prompt_tokens", 11}, {"completion_tokens", 7}}}});
}

void answer_models(HttpExchange& exchange, int count) {
  Json models = Json::array();
  for (int i = 0; i < count; ++i) {
    models.push_back({{"id", "model-" + std::to_string(i)}, {"max_model_len", 4096}});
  }
  exchange.answer(200, "application/json", dump_json({{"data", models}}));
}

Request request_of(std::string prompt) {
  Request request;
  request.key = "doc";
  request.prompt = std::move(prompt);
  return request;
}

HttpConfig config_for(const HttpServer& server) {
  HttpConfig config;
  config.url = server.url();
  config.model = "m";
  config.proxy = "none";
  config.api_key_env = "";
  return config;
}

Response ask_one(Engine& engine, Request request) {
  return ask(engine, {std::move(request)}, std::chrono::seconds(60)).front();
}

TEST(HttpEngine, AnswersManyAtOnce) {
  HttpServer server({.threads = 2}, [](const HttpServerRequest& request, HttpExchange& exchange) {
    EXPECT_EQ(request.path, "/v1/chat/completions");
    const Json body = Json::parse(request.body);
    exchange.answer(200, "application/json",
                    answer_json("<think>\nof " + body["messages"][0]["content"].get<std::string>() +
                                "</think>so"));
  });
  HttpClient client;
  HttpEngine engine(client, config_for(server));
  std::vector<Request> requests;
  for (int i = 0; i < 500; ++i) requests.push_back(request_of("p" + std::to_string(i)));
  const std::vector<Response> responses = ask(engine, requests);
  for (int i = 0; i < 500; ++i) {
    const Response& response = responses[static_cast<std::size_t>(i)];
    EXPECT_EQ(response.text, "of p" + std::to_string(i)) << response.error;
    EXPECT_EQ(response.prompt_tokens, 11);
    EXPECT_EQ(response.generated_tokens, 7);
    EXPECT_FALSE(response.tokens_estimated);
    EXPECT_EQ(response.endpoint, server.url() + "/v1");
  }
  EXPECT_EQ(engine.name(), "http:m");
}

TEST(HttpEngine, AsksForItsModel) {
  int count = 1;
  HttpServer server({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    EXPECT_EQ(request.path, "/team/v1/models");
    answer_models(exchange, count);
  });
  HttpClient client;
  HttpConfig config = config_for(server);
  config.url += "/team/v1";
  config.model = "";
  config.revision = "abc";
  HttpEngine engine(client, config);
  EXPECT_EQ(engine.name(), "http:model-0@abc");
  EXPECT_EQ(engine.context_tokens(), 4096);
  count = 2;
  try {
    HttpEngine two(client, config);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), HasSubstr("model-0, model-1"));
  }
  server.stop();
  EXPECT_THROW(HttpEngine(client, config), Error);
}

TEST(HttpEngine, TellsFailuresApart) {
  struct Case {
    int status;
    std::string header;
    std::string body;
    Failure failure;
    double retry_after;
  };
  const std::vector<Case> cases = {
      {429, "Retry-After: 7\r\n", R"({"error":{"message":"slow"}})", Failure::busy, 7},
      {503, "", "<html><h1>busy</h1></html>", Failure::busy, -1},
      {429, "Retry-After-Ms: 250\r\nRetry-After: 1\r\n", "", Failure::busy, 0.25},
      {500, "", "", Failure::broken, -1},
      {401, "", R"({"error":{"message":"who"}})", Failure::unauthorized, -1},
      {400, "", R"({"error":{"message":"This model's maximum context length is 9"}})",
       Failure::too_long, -1},
      {404, "", R"({"detail":"Not Found"})", Failure::refused, -1},
      {200, "", R"({"error":{"message":"boom","code":503}})", Failure::busy, -1},
      {200, "", R"({"choices":[{"mess)", Failure::broken, -1},
      {200, "", "", Failure::broken, -1}};
  for (const Case& one : cases) {
    HttpServer server({}, [&](const HttpServerRequest&, HttpExchange& exchange) {
      exchange.answer(one.status, "application/json", one.body, one.header);
    });
    HttpClient client;
    HttpEngine engine(client, config_for(server));
    const Response response = ask_one(engine, request_of("p"));
    EXPECT_EQ(response.finish, Finish::error) << one.status << one.body;
    EXPECT_EQ(failure_name(response.failure), failure_name(one.failure)) << one.status << one.body;
    EXPECT_EQ(response.retry_after_seconds, one.retry_after) << one.header;
    EXPECT_THAT(response.error, HasSubstr(server.url() + "/v1: "));
    EXPECT_EQ(response.generated_tokens, 0);
  }
}

const std::string kKey = "sk-Very+Secret/0123456789";

TEST(HttpEngine, TheKeyIsSentAndNeverShown) {
  const TemporaryFolder folder;
  std::ofstream(folder / "key") << kKey << "\n";
  int turn = 0;
  HttpServer server({}, [&](const HttpServerRequest& request, HttpExchange& exchange) {
    EXPECT_EQ(request.header("Authorization"), "Bearer " + kKey);
    const std::string echo = "your key " + kKey + " and pa55word";
    switch (turn++) {
      case 0:
        exchange.answer(401, "text/html", "<p>" + echo + "</p>");
        return;
      case 1:
        exchange.answer(400, "application/json", dump_json({{"error", {{"message", echo}}}}));
        return;
      case 2:
        exchange.answer(200, "application/json", answer_json(echo));
        return;
      case 3:
        exchange.answer(200, "text/event-stream",
                        "data: " + dump_json({{"error", {{"message", echo}}}}) + "\n\n");
        return;
      case 4:
        exchange.answer(403, "application/json",
                        dump_json({{"message", echo}, {"object", "error"}}));
        return;
      default:
        exchange.answer(200, "application/json",
                        dump_json({{"data", {{{"id", echo}}, {{"id", "b"}}}}}));
    }
  });
  HttpClient client;
  HttpConfig config = config_for(server);
  config.api_key_file = folder / "key";
  config.url = "http://anna:pa55word@" + server.url().substr(7);
  HttpEngine engine(client, config);
  std::vector<std::string> shown = {engine.name(), engine.endpoint()};
  for (int i = 0; i < 4; ++i) {
    const Response response = ask_one(engine, request_of("p"));
    EXPECT_TRUE(i == 2 || !response.error.empty());
    shown.insert(shown.end(), {response.text, response.error, response.endpoint});
  }
  std::promise<ModelListing> promise;
  engine.probe([&](ModelListing listing) { promise.set_value(std::move(listing)); });
  const ModelListing listing = promise.get_future().get();
  EXPECT_EQ(listing.failure, Failure::unauthorized);
  shown.push_back(listing.error);
  config.model = "";
  try {
    HttpEngine unnamed(client, config);
    FAIL();
  } catch (const Error& error) {
    shown.emplace_back(error.what());
  }
  Fields fields("engine");
  describe(fields, config);
  shown.push_back(dump_json(fields.to_json()));
  EXPECT_EQ(turn, 6);
  for (const std::string& text : shown) {
    EXPECT_THAT(text, Not(HasSubstr(kKey)));
    EXPECT_THAT(text, Not(HasSubstr("0123456789")));
    EXPECT_THAT(text, Not(HasSubstr("anna:pa55word")));
  }
}

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
  std::vector<std::string> events(400, sse("reasoning_content", "again and "));
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
  EXPECT_GE(response.text.size(), 300U);
  EXPECT_EQ(response.text.size(), static_cast<std::size_t>(response.generated_tokens) * 10);
  EXPECT_LT(response.generated_tokens, 300);
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
    EXPECT_EQ(response.generated_tokens, 2);
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

TEST(HttpEngine, CountsWhereTheServerDoesNot) {
  HttpServer server({}, [](const HttpServerRequest&, HttpExchange& exchange) {
    exchange.answer(200, "application/json",
                    R"({"choices":[{"message":{"content":"12345678"},"finish_reason":"stop"}]})");
  });
  HttpClient client;
  const ByteCounter bytes;
  HttpEngine exact(client, config_for(server), &bytes);
  const Response counted = ask_one(exact, request_of("abcde"));
  EXPECT_EQ(counted.prompt_tokens, 5);
  EXPECT_EQ(counted.generated_tokens, 8);
  EXPECT_TRUE(counted.tokens_estimated);
  HttpEngine estimated(client, config_for(server));
  EXPECT_EQ(ask_one(estimated, request_of("abcde")).generated_tokens, 2);
}

}  // namespace
}  // namespace tpt::engine
