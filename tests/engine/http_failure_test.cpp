#include "engine/http_failure.h"

#include "engine/http_outcome.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tpt::engine {
namespace {

Failure failure_of(int status, const std::string& body) {
  ChatAnswer error;
  error_text(body, error);
  return failure_of_status(status, error);
}

TEST(HttpFailure, TellsWhatMayBeDone) {
  EXPECT_EQ(failure_of(429, ""), Failure::busy);
  EXPECT_EQ(failure_of(503, "<html>busy</html>"), Failure::busy);
  EXPECT_EQ(failure_of(500, "{}"), Failure::broken);
  EXPECT_EQ(failure_of(502, ""), Failure::broken);
  EXPECT_EQ(failure_of(504, ""), Failure::broken);
  EXPECT_EQ(failure_of(408, ""), Failure::timed_out);
  EXPECT_EQ(failure_of(401, ""), Failure::unauthorized);
  EXPECT_EQ(failure_of(403, ""), Failure::unauthorized);
  EXPECT_EQ(failure_of(400, R"({"error":{"message":"bad temperature"}})"), Failure::refused);
  EXPECT_EQ(failure_of(404, R"({"detail":"Not Found"})"), Failure::refused);
  EXPECT_EQ(failure_of(307, ""), Failure::broken);
  EXPECT_EQ(failure_of(413, ""), Failure::too_long);
  EXPECT_EQ(failure_of(429, R"({"error":{"message":"pay","code":"insufficient_quota"}})"),
            Failure::unauthorized);
  EXPECT_EQ(failure_of(402, ""), Failure::unauthorized);
}

// As the servers write it, word for word.
TEST(HttpFailure, KnowsATooLongPromptFromEachServer) {
  for (const char* message :
       {"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens "
        "(4000 in the messages, 1000 in the completion). Please reduce the length of the messages "
        "or completion.",
        "The decoder prompt (length 5010) is longer than the maximum model length of 4096.",
        "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
        "Requested token count exceeds the model's maximum context length of 4096 tokens.",
        "the request exceeds the available context size. try increasing the context size or "
        "enable context shift",
        "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 200 "
        "`max_new_tokens`",
        "`inputs` must have less than 1024 tokens. Given: 2000",
        "Input validation error: too many tokens"}) {
    std::string body = R"({"error":{"type":"invalid_request_error","message":")";
    body += message;
    EXPECT_EQ(failure_of(400, body + "\"}}"), Failure::too_long) << message;
    EXPECT_EQ(failure_of(422, body + "\"}}"), Failure::too_long) << message;
    EXPECT_EQ(failure_of(500, body + "\"}}"), Failure::too_long) << message;
    EXPECT_EQ(failure_of(400, message), Failure::too_long) << message;
  }
  EXPECT_EQ(failure_of(
                400, R"({"error":{"code":400,"message":"no","type":"exceed_context_size_error"}})"),
            Failure::too_long);
  EXPECT_EQ(failure_of(400, R"({"error":{"message":"no","code":"context_length_exceeded"}})"),
            Failure::too_long);
}

TEST(HttpFailure, DoesNotBelieveThePromptItself) {
  const std::string body = R"({"detail":[{"loc":["body","temperature"],"msg":"not a number",
    "input":{"prompt":"the maximum context length of a transformer"}}]})";
  EXPECT_EQ(failure_of(422, body), Failure::refused);
  EXPECT_EQ(failure_of(400, R"({"received":"too many tokens"})"), Failure::refused);
}

TEST(HttpFailure, ErrorsInsideAStreamAreToldApart) {
  const auto of = [](const std::string& type, std::int64_t status) {
    ChatAnswer error;
    error.error_type = type;
    error.error_status = status;
    return failure_of_error(error);
  };
  EXPECT_EQ(of("", 429), Failure::busy);
  EXPECT_EQ(of("BadRequestError", 400), Failure::refused);
  EXPECT_EQ(of("overloaded_error", 0), Failure::busy);
  EXPECT_EQ(of("server_error", 0), Failure::broken);
  EXPECT_EQ(of("InternalServerError", 500), Failure::broken);
}

TEST(HttpFailure, PagesBecomeOneLine) {
  ChatAnswer error;
  EXPECT_EQ(error_text("<html>\n<head><title>502 Bad\tGateway</title></head>\x01</html>", error),
            "502 Bad Gateway");
  const std::string line = error_text(std::string(299, 'a') + "\u00e9\u00e9\u00e9", error);
  EXPECT_EQ(line, std::string(299, 'a') + "...");
}

TEST(RetryAfter, IsReadInBothForms) {
  EXPECT_EQ(retry_after_seconds("", ""), -1);
  EXPECT_EQ(retry_after_seconds("17", ""), 17);
  EXPECT_EQ(retry_after_seconds("0", ""), 0);
  EXPECT_EQ(retry_after_seconds("0.25", ""), 0.25);
  EXPECT_EQ(retry_after_seconds("-3", ""), -1);
  EXPECT_EQ(retry_after_seconds("soon", ""), -1);
  EXPECT_EQ(retry_after_seconds("99999999999", ""), 86400);
  // The server's own clock counts, however wrong ours is.
  EXPECT_EQ(retry_after_seconds("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"),
            30);
  EXPECT_EQ(retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT", ""), 0);
}

}  // namespace
}  // namespace tpt::engine
