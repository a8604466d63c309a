#include "engine/mock_server.h"

#include "base/error.h"
#include "engine/mock_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace tpt::engine {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string get(const MockServer& server, const std::string& path, const std::string& more = "") {
  return ask(server, "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + more + "\r\n");
}

// The text of a streamed chat answer.
std::string streamed_text(const std::string& answer, const std::string& field = "content") {
  std::string text;
  const std::string events = body_of(answer);
  for (std::size_t at = 0; (at = events.find("data: {", at)) != std::string::npos; ++at) {
    const Json event = Json::parse(events.substr(at + 6, events.find('\n', at) - at - 6));
    for (const Json& choice : event.at("choices")) text += choice.at("delta").value(field, "");
  }
  return text;
}

TEST(MockServer, AnswersWholeStreamedAndPlain) {
  MockServer server({.answer_bytes = 3000});
  const Json whole = ask_json(server, chat_request("hello"));
  EXPECT_EQ(whole.at("object"), "chat.completion");
  EXPECT_EQ(whole.at("choices").at(0).at("finish_reason"), "stop");
  const Json& usage = whole.at("usage");
  EXPECT_EQ(usage.at("prompt_tokens"), 2);
  EXPECT_EQ(usage.at("total_tokens").get<int>() - 2, usage.at("completion_tokens").get<int>());
  EXPECT_EQ(text_of(whole).size(), 3000U);
  const std::string stream =
      ask(server,
          chat_request("hello", {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  EXPECT_EQ(streamed_text(stream), text_of(whole));
  EXPECT_THAT(stream, AllOf(HasSubstr("Content-Type: text/event-stream"),
                            HasSubstr("\"usage\":" + usage.dump()),
                            testing::EndsWith("data: [DONE]\n\n\r\n0\r\n\r\n")));
  const Json plain =
      ask_json(server, http_post("/v1/completions", R"({"prompt":"Once upon","max_tokens":5})"));
  EXPECT_EQ(plain.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(plain.at("usage").at("completion_tokens"), 5);
  // A client of HTTP/1.0 gets the same stream up to the end of the connection.
  RawClient old(server.port());
  std::string request = chat_request("hello", {{"stream", true}});
  request.replace(request.find("HTTP/1.1"), 8, "HTTP/1.0");
  old.send(request);
  const std::string old_stream = old.read_all();
  EXPECT_TRUE(old.ended());
  EXPECT_EQ(streamed_text(old_stream), text_of(whole));
  EXPECT_THAT(old_stream, Not(HasSubstr("chunked")));
}

TEST(MockServer, ThinksInFieldsToo) {
  MockServer server({.answer_bytes = 500, .think = MockThink::reasoning_content});
  const Json message = ask_json(server, chat_request("p")).at("choices").at(0).at("message");
  const std::string thinking = message.at("reasoning_content");
  EXPECT_EQ(thinking.size(), 500U);
  const std::string stream = ask(server, chat_request("p", {{"stream", true}}));
  EXPECT_EQ(streamed_text(stream, "reasoning_content"), thinking);
  EXPECT_EQ(streamed_text(stream), message.at("content").get<std::string>());
  server.configure({{"think", "reasoning"}});
  EXPECT_EQ(streamed_text(ask(server, chat_request("p", {{"stream", true}})), "reasoning"),
            thinking);
}

TEST(MockServer, TellsModelsHealthAndStats) {
  MockServer server({.base_path = "/team/api", .model = "a \"model\"", .context_tokens = 1234});
  const Json models = Json::parse(body_of(get(server, "/team/api/v1/models")));
  EXPECT_EQ(models.at("data").at(0).at("id"), "a \"model\"");
  EXPECT_EQ(models.at("data").at(0).at("max_model_len"), 1234);
  EXPECT_EQ(status_of(get(server, "/team/api/health")), 200);
  EXPECT_EQ(status_of(get(server, "/v1/models")), 404);
  EXPECT_EQ(status_of(get(server, "/team/api/v1/chat/completions")), 405);
  const std::string path = "/team/api/v1/chat/completions";
  EXPECT_EQ(status_of(ask(server, http_post(path, chat_body("p").dump()))), 404);
  EXPECT_EQ(
      status_of(ask(
          server,
          http_post(path, chat_body("p", {{"model", "a \"model\""}, {"max_tokens", 5}}).dump()))),
      200);
  EXPECT_EQ(status_of(ask(server, http_post(path, "{\"broken\""))), 400);
  const Json stats = Json::parse(body_of(get(server, "/mock/stats")));
  EXPECT_EQ(stats.at("requests"), 3);
  EXPECT_EQ(stats.at("answered"), 1);
  EXPECT_EQ(stats.at("in_flight"), 0);
  EXPECT_GT(stats.at("sent_bytes"), 0);
}

TEST(MockServer, AsksForItsKeyAndNeverShowsIt) {
  MockServer server({.api_key = "sk-secret", .log_requests = true});
  for (const std::string dialect : {"vllm", "sglang", "openai", "llama-server"}) {
    server.configure({{"dialect", dialect}});
    EXPECT_EQ(status_of(get(server, "/v1/models")), 401);
    const std::string answer = ask(server, http_post("/v1/chat/completions", chat_body("p").dump(),
                                                     "Authorization: Bearer sk-wrong\r\n"));
    EXPECT_EQ(status_of(answer), 401);
    EXPECT_THAT(answer, Not(HasSubstr("sk-")));
  }
  const std::string right = "Authorization: Bearer sk-secret\r\n";
  EXPECT_EQ(status_of(get(server, "/v1/models", right)), 200);
  EXPECT_EQ(status_of(ask(server, http_post("/v1/chat/completions", chat_body("p").dump(), right))),
            200);
  for (const std::string path : {"/mock/stats", "/mock/requests", "/mock/config"}) {
    EXPECT_THAT(get(server, path), Not(HasSubstr("sk-secret"))) << path;
  }
}

TEST(MockServer, RefusesWhatDoesNotFitInTheWordsOfEachServer) {
  MockServer server({.context_tokens = 1000});
  const auto message = [&](const std::string& dialect, std::size_t prompt_bytes, int max_tokens) {
    server.configure({{"dialect", dialect}});
    const std::string answer =
        ask(server, chat_request(std::string(prompt_bytes, 'x'), {{"max_tokens", max_tokens}}));
    return std::to_string(status_of(answer)) + " " + body_of(answer);
  };
  EXPECT_THAT(
      message("vllm", 800, 900),
      AllOf(StartsWith("400 {\"error\":"), HasSubstr("is too large: 900"),
            HasSubstr("maximum context length is 1000 tokens"), HasSubstr("200 input tokens")));
  EXPECT_THAT(message("vllm", 8000, 900),
              HasSubstr("you requested 2900 tokens (2000 in the messages"));
  EXPECT_THAT(message("openai", 8000, 900), HasSubstr("\"code\":\"context_length_exceeded\""));
  EXPECT_THAT(message("sglang", 8000, 900), AllOf(StartsWith("400 {\"object\":\"error\""),
                                                  HasSubstr("Requested token count exceeds")));
  EXPECT_THAT(message("llama-server", 8000, 900),
              HasSubstr("request (2000 tokens) exceeds the available context size (1000 tokens)"));
  // llama-server answers as long as there is room.
  EXPECT_THAT(message("llama-server", 800, 900), StartsWith("200 "));
  EXPECT_THAT(message("vllm", 800, 800), StartsWith("200 "));
  EXPECT_EQ(server.stats().too_long, 5);
}

TEST(MockServer, TheSameRequestGetsTheSameAnswerWhateverHappens) {
  MockServer server({.answer_bytes = 600,
                     .fault = {"busy=0.2", "cut=0.2", "reset=0.2", "torn_json=0.2"},
                     .fault_limit = 3,
                     .log_requests = true});
  std::vector<std::string> first;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 40; ++i) {
      std::string text;
      int asked = 0;
      for (; text.empty() && asked < 10; ++asked) {
        RawClient client(server.port());
        client.send(chat_request("prompt " + std::to_string(i)));
        const Json answer = Json::parse(body_of(client.read_answer()), nullptr, false);
        if (!answer.is_discarded() && answer.contains("choices")) text = text_of(answer);
      }
      EXPECT_LE(asked, 4);
      if (round == 0) {
        first.push_back(text);
      } else {
        EXPECT_EQ(text, first[static_cast<std::size_t>(i)]);
      }
    }
  }
  const MockStats stats = server.stats();
  EXPECT_EQ(stats.prompts, 40);
  EXPECT_EQ(stats.answered, 80);
  EXPECT_EQ(stats.answered_again, 40);
  EXPECT_GT(stats.faults_given(), 30);
  EXPECT_EQ(stats.requests, 80 + stats.faults_given());
  // Another server with the same seed meets the same faults.
  MockServer again({.answer_bytes = 600,
                    .fault = {"busy=0.2", "cut=0.2", "reset=0.2", "torn_json=0.2"},
                    .fault_limit = 3,
                    .log_requests = true});
  for (int i = 0; i < 40; ++i) {
    RawClient client(again.port());
    client.send(chat_request("prompt " + std::to_string(i)));
    client.read_answer();
  }
  EXPECT_TRUE(eventually([&] { return again.records().size() == 40; }));
  std::set<std::pair<std::string, MockFault>> before, after;
  for (const MockRecord& record : server.records()) {
    if (record.asked == 0) before.emplace(record.key.hex(), record.fault);
  }
  for (const MockRecord& record : again.records()) after.emplace(record.key.hex(), record.fault);
  EXPECT_EQ(before, after);
}

TEST(MockServer, WaitsForItsLatencyAndPlaces) {
  MockServer server({.answer_bytes = 200, .latency_seconds = 0.15, .max_concurrent = 2});
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    clients.back()->send(chat_request("p" + std::to_string(i)));
  }
  EXPECT_TRUE(eventually([&] { return server.stats().waiting == 4; }));
  // One that waits goes away; its place in the queue goes with it.
  clients.erase(clients.begin() + 3);
  EXPECT_TRUE(eventually([&] { return server.stats().client_left == 1; }));
  for (const auto& client : clients) EXPECT_EQ(status_of(client->read_answer()), 200);
  const auto took = std::chrono::steady_clock::now() - started;
  EXPECT_GE(took, std::chrono::milliseconds(440));
  EXPECT_EQ(server.stats().begun, 5);
  EXPECT_EQ(server.stats().most_in_flight, 6);
  server.configure({{"when_full", "refuse"}, {"latency_seconds", 5}});
  RawClient a(server.port()), b(server.port());
  a.send(chat_request("a"));
  b.send(chat_request("b"));
  EXPECT_TRUE(eventually([&] { return server.stats().begun == 7; }));
  EXPECT_THAT(ask(server, chat_request("c")),
              AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("Retry-After: 1\r\n")));
  EXPECT_EQ(server.stats().refused_full, 1);
}

TEST(MockServer, EndsWhileManyWait) {
  for (const double grace_seconds : {0.0, 0.1}) {
    MockServer server({.threads = 2, .latency_seconds = 60, .max_concurrent = 3});
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 200; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port()));
      clients.back()->send(chat_request("p" + std::to_string(i)));
    }
    EXPECT_TRUE(eventually([&] { return server.stats().waiting == 197; }));
    server.stop(grace_seconds);
    EXPECT_EQ(server.stats().in_flight, 0);
    EXPECT_EQ(server.stats().waiting, 0);
  }
}

TEST(MockServer, StreamsAtItsRate) {
  MockServer server({.answer_tokens = 100, .tokens_per_second = 200});
  const auto timed = [&](const Json& more) {
    const auto started = std::chrono::steady_clock::now();
    const std::string answer = ask(server, chat_request("p", more));
    EXPECT_EQ(status_of(answer), 200);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  };
  EXPECT_NEAR(timed({{"stream", true}}), 0.5, 0.25);
  EXPECT_NEAR(timed({{"stream", false}}), 0.5, 0.25);
  server.configure({{"chunk_tokens", 7}});
  EXPECT_NEAR(timed({{"stream", true}}), 0.5, 0.25);
}

TEST(MockServer, CountsAClientThatLeavesAndFreesItsPlace) {
  MockServer server({.answer_tokens = 1000, .tokens_per_second = 10, .max_concurrent = 1});
  {
    RawClient client(server.port());
    client.send(chat_request("p", {{"stream", true}}));
    EXPECT_THAT(client.read_bytes(300), HasSubstr("200 OK"));
  }
  EXPECT_TRUE(eventually([&] { return server.stats().in_flight == 0; }));
  EXPECT_EQ(server.stats().client_left, 1);
  EXPECT_EQ(server.stats().answered, 0);
  server.configure({{"tokens_per_second", 0}});
  EXPECT_EQ(status_of(ask(server, chat_request("q"))), 200);
}

TEST(MockServer, IsAwayForItsOutages) {
  MockServer server({.answer_bytes = 100});
  RawClient before(server.port());
  before.send(chat_request("p"));
  EXPECT_EQ(status_of(before.read_answer()), 200);
  server.configure({{"outage", Json::array({"0.05:0.4"})}});
  EXPECT_EQ(before.read_all(), "");
  EXPECT_TRUE(before.was_reset());
  EXPECT_TRUE(eventually([&] { return !RawClient(server.port()).connected(); }, 0.3));
  EXPECT_TRUE(eventually([&] { return RawClient(server.port()).connected(); }));
  EXPECT_EQ(status_of(ask(server, chat_request("p"))), 200);
  for (const std::string entry : {"", "5", "5:", ":5", "-1:5", "1:nan", "a:b", "1:2:3"}) {
    EXPECT_THROW(parse_outages({entry}), Error) << entry;
  }
}

TEST(MockServer, ChangesWhileItRuns) {
  MockServer server({.answer_bytes = 100});
  const std::string changed =
      ask(server,
          http_post("/mock/config", R"({"answer_bytes":200,"fault":["500=1"],"fault_limit":0})"));
  EXPECT_EQ(Json::parse(body_of(changed)).at("answer_bytes"), 200);
  EXPECT_EQ(status_of(ask(server, chat_request("p"))), 500);
  server.configure({{"fault", Json::array()}});
  EXPECT_EQ(text_of(ask_json(server, chat_request("p"))).size(), 200U);
  for (const std::string wrong :
       {R"({"answer_bytes":0})", R"({"colour":1})", R"({"fault":["bussy=1"]})", "[1]", "x",
        R"({"listen":"127.0.0.1:1"})", R"({"threads":3})", R"({"loop_share":0.7,"cap_share":0.7})",
        R"({"outage":["x"]})"}) {
    EXPECT_EQ(status_of(ask(server, http_post("/mock/config", wrong))), 400) << wrong;
  }
  EXPECT_EQ(text_of(ask_json(server, chat_request("p"))).size(), 200U);
  server.clear();
  EXPECT_EQ(server.stats().requests, 0);
  EXPECT_THROW(MockServer({.fault = {"nonsense=1"}}), Error);
}

TEST(MockServer, SurvivesHostileRequests) {
  MockServer server({.answer_bytes = 100});
  std::vector<std::string> attacks = {
      std::string(200'000, '\0'),
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
      "GET /" + std::string(100'000, '%') + " HTTP/1.1\r\n\r\n",
      http_post("/v1/chat/completions", std::string(5'000'000, '[')),
      http_post("/v1/chat/completions", std::string(100'000, '\xff')),
      http_post("/v1/completions", R"({"prompt":12,"max_tokens":-9223372036854775808})"),
      http_post("/v1/completions", R"({"prompt":"x","max_tokens":9223372036854775807})"),
      http_post("/v1/completions", R"({"prompt":"x","max_tokens":1e308,"n":1e308})"),
      http_post("/v1/completions", std::string("{\"prompt\":\"a\0b\"}", 16)),
      http_post("/mock/config", std::string(1'000'000, '{')),
      http_post("/mock/config", R"({"answer_bytes":1e300})"),
      http_post("/v1/chat/completions", R"({"messages":[{"content":{"text":[["x"]]}}]})"),
      http_post("/v1/chat/completions", R"({"messages":{"a":"b"}})")};
  // Every prefix of a good request, and each with one byte changed.
  const std::string good = chat_request("p", {{"max_tokens", 5}, {"stop", Json::array({"a"})}});
  for (std::size_t i = 0; i < good.size(); ++i) {
    attacks.push_back(good.substr(0, i));
    std::string flipped = good;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    attacks.push_back(std::move(flipped));
  }
  for (const std::string& attack : attacks) {
    RawClient client(server.port(), 0.02);
    client.send(attack);
    client.finish_sending();
    client.read_all();
  }
  EXPECT_EQ(status_of(ask(server, chat_request("still there"))), 200);
  EXPECT_TRUE(eventually([&] { return server.stats().in_flight == 0; }));
}

}  // namespace
}  // namespace tpt::engine
