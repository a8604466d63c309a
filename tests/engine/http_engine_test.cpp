#include "engine/http_engine.h"

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
