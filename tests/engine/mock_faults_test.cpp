// Each fault as it is seen from outside, byte for byte where the bytes are the point.
#include "engine/mock_client.h"
#include "engine/mock_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace tpt::engine {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Seen {
  std::string bytes;
  bool ended = false;
  bool was_reset = false;
  bool timed_out = false;

  std::string body() const { return body_of(bytes); }
};

class MockFaults : public testing::Test {
 protected:
  // What comes back for one request that meets `fault`, up to the end of the connection or 0.4 s
  // of silence.
  Seen meet(const std::string& fault, bool stream = false) {
    server_.configure({{"fault", Json::array({fault + "=1"})}});
    server_.clear();
    RawClient client(server_.port(), 0.4);
    client.send(request(stream));
    Seen seen{.bytes = client.read_all()};
    seen.ended = client.ended();
    seen.was_reset = client.was_reset();
    seen.timed_out = client.timed_out();
    const MockStats stats = server_.stats();
    EXPECT_EQ(stats.faults_given(), 1) << fault;
    EXPECT_EQ(stats.faults[static_cast<std::size_t>(fault_named(fault))], 1) << fault;
    return seen;
  }

  // The answer without a fault.
  std::string good(bool stream = false) {
    server_.configure({{"fault", Json::array()}});
    RawClient client(server_.port());
    client.send(request(stream));
    return client.read_answer();
  }

  // After each fault the server is as it was.
  void TearDown() override {
    EXPECT_EQ(status_of(good()), 200);
    EXPECT_TRUE(eventually([&] { return server_.stats().in_flight == 0; }));
  }

  static std::string request(bool stream) {
    const Json more = {{"stream", stream}, {"stream_options", {{"include_usage", true}}}};
    return http_post("/v1/chat/completions", chat_body("p", more).dump(), "Connection: close\r\n");
  }

  static MockFault fault_named(const std::string& name) {
    for (const MockFaultName& known : mock_fault_names()) {
      if (known.name == name) return known.fault;
    }
    return MockFault::none;
  }

  static std::size_t length_of(const std::string& answer) {
    return std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
  }

  MockServer server_{{.answer_bytes = 900, .retry_after_seconds = 7, .drip_seconds = 0.0001}};
};

TEST_F(MockFaults, StatusesHaveTheirBodiesAndRetryAfter) {
  EXPECT_THAT(meet("busy").bytes,
              AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("\r\nRetry-After: 7\r\n")));
  EXPECT_THAT(
      meet("busy_date").bytes,
      testing::ContainsRegex("Retry-After: [A-Z][a-z][a-z], [0-9]* [A-Z][a-z]* .* GMT\r\n"));
  EXPECT_THAT(meet("500").bytes, AllOf(StartsWith("HTTP/1.1 500 "), HasSubstr("\"error\"")));
  EXPECT_THAT(meet("502").bytes,
              AllOf(StartsWith("HTTP/1.1 502 "), EndsWith("Content-Length: 0\r\n\r\n")));
  EXPECT_THAT(meet("503").bytes, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("Retry-After: 7")));
  EXPECT_THAT(meet("504").bytes, StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(meet("html").bytes, AllOf(StartsWith("HTTP/1.1 502 "), HasSubstr("<html>")));
  EXPECT_THAT(meet("html_200").bytes, AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("<html>")));
  EXPECT_THAT(meet("redirect").bytes,
              AllOf(StartsWith("HTTP/1.1 307 "), HasSubstr("Location: /v1/chat/completions\r\n")));
}

TEST_F(MockFaults, ConnectionsEndOrStall) {
  for (const bool stream : {false, true}) {
    const Seen reset = meet("reset", stream);
    EXPECT_EQ(reset.bytes, "");
    EXPECT_TRUE(reset.was_reset);
    const Seen closed = meet("close", stream);
    EXPECT_EQ(closed.bytes, "");
    EXPECT_TRUE(closed.ended && !closed.was_reset);
    const Seen stalled = meet("stall", stream);
    EXPECT_EQ(stalled.bytes, "");
    EXPECT_TRUE(stalled.timed_out);
    const Seen noise = meet("garbage", stream);
    EXPECT_EQ(noise.bytes.size(), 64U);
    EXPECT_THAT(noise.bytes, Not(HasSubstr("HTTP")));
    EXPECT_TRUE(noise.ended);
  }
}

TEST_F(MockFaults, WholeAnswersBreakInTheMiddle) {
  const std::string right = good();
  const std::string body = body_of(right);
  const auto expect_half = [&](const Seen& seen) {
    EXPECT_EQ(length_of(seen.bytes), body.size());
    EXPECT_EQ(seen.body().size(), body.size() / 2);
    EXPECT_EQ(seen.body().substr(0, 60), body.substr(0, 60));
  };
  const Seen cut = meet("cut");
  expect_half(cut);
  EXPECT_TRUE(cut.ended && !cut.was_reset);
  const Seen frozen = meet("freeze");
  expect_half(frozen);
  EXPECT_TRUE(frozen.timed_out);
  const Seen midway = meet("reset_midway");
  expect_half(midway);
  EXPECT_TRUE(midway.was_reset);
  const Seen torn = meet("torn_json");
  EXPECT_EQ(length_of(torn.bytes), body.size() / 2);
  EXPECT_EQ(torn.body().size(), body.size() / 2);
  EXPECT_TRUE(Json::parse(torn.body(), nullptr, false).is_discarded());
  const Seen longer = meet("long_length");
  EXPECT_EQ(length_of(longer.bytes), longer.body().size() + 100);
  EXPECT_FALSE(Json::parse(longer.body(), nullptr, false).is_discarded());
  EXPECT_TRUE(longer.ended);
  const Seen shorter = meet("short_length");
  EXPECT_EQ(length_of(shorter.bytes), shorter.body().size() - 100);
  EXPECT_TRUE(shorter.ended);
}

TEST_F(MockFaults, WholeAnswersSayTheWrongThing) {
  EXPECT_TRUE(Json::parse(meet("error_inside").body()).contains("error"));
  EXPECT_TRUE(Json::parse(meet("empty_choices").body()).at("choices").empty());
  const Json empty = Json::parse(meet("null_content").body());
  EXPECT_TRUE(empty.at("choices").at(0).at("message").at("content").is_null());
  EXPECT_TRUE(Json::parse(meet("bad_utf8").body(), nullptr, false).is_discarded());
  const Json uncounted = Json::parse(meet("no_usage").body());
  EXPECT_FALSE(uncounted.contains("usage"));
  EXPECT_EQ(text_of(uncounted), text_of(Json::parse(body_of(good()))));
}

TEST_F(MockFaults, ADripIsTheSameAnswerSlowly) {
  for (const bool stream : {false, true}) {
    server_.configure({{"drip_seconds", 0.0001}, {"answer_bytes", 40}, {"chunk_tokens", 100}});
    const std::string right = body_of(good(stream));
    const Seen dripped = meet("drip", stream);
    // But for the time it was made.
    const auto without_time = [](std::string text) {
      for (std::size_t at = 0; (at = text.find("\"created\":", at)) != std::string::npos; ++at) {
        text.replace(at + 10, 10, "0");
      }
      return text;
    };
    EXPECT_EQ(without_time(dripped.body()), without_time(right));
    EXPECT_EQ(server_.stats().answered, 1);
  }
}

TEST_F(MockFaults, StreamsBreakInTheMiddle) {
  const std::string right = good(true);
  const auto events_of = [](const std::string& bytes) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = bytes.find("data: {", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  const std::size_t all = events_of(right);
  const auto expect_half = [&](const Seen& seen) {
    EXPECT_NEAR(static_cast<double>(events_of(seen.bytes)), static_cast<double>(all) / 2, 3);
    EXPECT_THAT(seen.bytes, AllOf(Not(HasSubstr("[DONE]")), Not(EndsWith("0\r\n\r\n"))));
  };
  const Seen cut = meet("cut", true);
  expect_half(cut);
  EXPECT_TRUE(cut.ended && !cut.was_reset);
  const Seen frozen = meet("freeze", true);
  expect_half(frozen);
  EXPECT_TRUE(frozen.timed_out);
  const Seen midway = meet("reset_midway", true);
  expect_half(midway);
  EXPECT_TRUE(midway.was_reset);
  const Seen torn = meet("torn_json", true);
  EXPECT_EQ(events_of(torn.bytes), all);
  EXPECT_THAT(torn.bytes, HasSubstr("[DONE]"));
  std::size_t broken = 0;
  const std::string events = torn.body();
  for (std::size_t at = 0; (at = events.find("data: {", at)) != std::string::npos; ++at) {
    const std::string one = events.substr(at + 6, events.find('\n', at) - at - 6);
    broken += Json::parse(one, nullptr, false).is_discarded();
  }
  EXPECT_EQ(broken, 1U);
  for (const std::string wrong : {"long_length", "short_length"}) {
    const Seen seen = meet(wrong, true);
    EXPECT_TRUE(seen.ended) << wrong;
    EXPECT_LT(events_of(seen.bytes), all) << wrong;
    EXPECT_EQ(server_.stats().answered, 0) << wrong;
  }
}

TEST_F(MockFaults, StreamsSayTheWrongThing) {
  EXPECT_THAT(meet("error_inside", true).body(),
              AllOf(HasSubstr("data: {\"error\":"), EndsWith("data: [DONE]\n\n")));
  EXPECT_THAT(meet("empty_choices", true).body(), Not(HasSubstr("\"delta\":{\"content\"")));
  EXPECT_THAT(meet("null_content", true).body(), HasSubstr("\"delta\":{\"content\":null}"));
  EXPECT_THAT(meet("bad_utf8", true).body(), HasSubstr("\xc3\x28\xff"));
  EXPECT_THAT(meet("no_usage", true).body(), Not(HasSubstr("usage")));
  EXPECT_THAT(meet("no_done", true).bytes,
              AllOf(Not(HasSubstr("[DONE]")), EndsWith("\r\n0\r\n\r\n")));
  EXPECT_THAT(meet("double_done", true).body(), EndsWith("data: [DONE]\n\ndata: [DONE]\n\n"));
  const std::string extra = meet("extra_lines", true).body();
  EXPECT_THAT(extra, AllOf(StartsWith(": "), HasSubstr("event: message\r\n"),
                           HasSubstr("data:\r\n\r\n"), EndsWith("data: [DONE]\r\n\r\n")));
}

// A fault that only a stream can have is none for a whole answer.
TEST_F(MockFaults, WholeAnswersMeetNoFaultOfStreams) {
  server_.configure({{"fault", Json::array({"no_done=1"})}});
  server_.clear();
  EXPECT_EQ(status_of(ask(server_, request(false))), 200);
  EXPECT_EQ(server_.stats().faults_given(), 0);
}

TEST_F(MockFaults, AreLimitedForEachRequest) {
  server_.configure({{"fault", Json::array({"500=1"})}, {"fault_limit", 2}});
  server_.clear();
  EXPECT_EQ(status_of(ask(server_, request(false))), 500);
  EXPECT_EQ(status_of(ask(server_, request(false))), 500);
  EXPECT_EQ(status_of(ask(server_, request(false))), 200);
  EXPECT_EQ(status_of(ask(server_, chat_request("another"))), 500);
  server_.configure({{"fault_limit", 0}});
  EXPECT_EQ(status_of(ask(server_, request(false))), 500);
}

}  // namespace
}  // namespace tpt::engine
