#include "engine/chat_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace tpt::engine {
namespace {

ChatAnswer read(const std::string& json) {
  ChatAnswer answer;
  EXPECT_TRUE(read_chat_answer(json, answer)) << json;
  return answer;
}

bool reads(const std::string& json) {
  ChatAnswer answer;
  return read_chat_answer(json, answer);
}

TEST(ChatAnswer, ReadsWhatServersSay) {
  const ChatAnswer vllm = read(R"({"id":"c","object":"chat.completion","created":1,"model":"m",
    "choices":[{"index":0,"message":{"role":"assistant","reasoning_content":"\nwhy \u00e9\n",
    "content":"so","tool_calls":[{"function":{"content":"no"}}]},"logprobs":null,
    "finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":11,"total_tokens":18,
    "completion_tokens":7,"prompt_tokens_details":{"prompt_tokens":99}},"prompt_logprobs":null})");
  EXPECT_EQ(vllm.reasoning, "\nwhy \u00e9\n");
  EXPECT_EQ(vllm.content, "so");
  EXPECT_EQ(vllm.finish_reason, "stop");
  EXPECT_EQ(vllm.prompt_tokens, 11);
  EXPECT_EQ(vllm.generated_tokens, 7);
  EXPECT_FALSE(vllm.has_error);
  EXPECT_EQ(read(R"({"choices":[{"message":{"reasoning":"a"}}]})").reasoning, "a");
  EXPECT_EQ(read(R"({"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"}}]})").reasoning,
            "a");
  EXPECT_EQ(read(R"({"choices":[{"text":"t","finish_reason":null}]})").content, "t");
  const ChatAnswer parts = read(R"({"choices":[{"message":{"content":[
    {"type":"thinking","thinking":[{"type":"text","text":"a"}]},{"type":"text","text":"b"}]}}]})");
  EXPECT_EQ(parts.reasoning, "a");
  EXPECT_EQ(parts.content, "b");
}

TEST(ChatAnswer, ReadsTheFirstChoiceOnly) {
  EXPECT_EQ(read(R"({"choices":[{"text":"a"},{"text":"b"}]})").content, "a");
  EXPECT_FALSE(read(R"({"choices":[]})").has_choice);
  EXPECT_FALSE(read(R"({"choices":{"text":"a"}})").has_choice);
  EXPECT_EQ(read(R"({"usage":{"prompt_tokens":-4,"completion_tokens":1e300}})").generated_tokens,
            -1);
}

TEST(ChatAnswer, ReadsErrorsOfAllShapes) {
  const ChatAnswer openai = read(
      R"({"error":{"message":"no","type":"invalid_request_error","code":"context_length_exceeded"}})");
  EXPECT_TRUE(openai.has_error);
  EXPECT_EQ(openai.error, "no");
  EXPECT_EQ(openai.error_type, "invalid_request_error context_length_exceeded");
  EXPECT_EQ(read(R"({"error":{"message":"no","type":"BadRequestError","param":null,"code":400}})")
                .error_status,
            400);
  const ChatAnswer old = read(R"({"object":"error","message":"no","type":"E","code":400})");
  EXPECT_TRUE(old.has_error);
  EXPECT_EQ(old.error, "no");
  EXPECT_EQ(old.error_status, 400);
  EXPECT_EQ(read(R"({"detail":"Not Found"})").error, "Not Found");
  EXPECT_EQ(read(R"({"error":"plain","error_type":"overloaded"})").error, "plain");
  EXPECT_EQ(read(R"({"detail":[{"loc":["body"],"msg":"missing","input":{"msg":"no"}},
                               {"msg":"bad"}]})")
                .error,
            "missing; bad");
  EXPECT_FALSE(read(R"({"error":null,"choices":[]})").has_error);
}

TEST(ChatAnswer, RefusesWhatIsNotOneWholeObject) {
  const std::string whole =
      R"({"choices":[{"message":{"content":"a\u00e9b","x":[1,-2.5e3,true]}}]})";
  EXPECT_TRUE(reads(whole));
  EXPECT_TRUE(reads(whole + " \n"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_FALSE(reads(whole.substr(0, i))) << whole.substr(0, i);
  }
  for (const char* wrong : {"", "null", "1", "\"a\"", "[]", "true", "{}x", "{}{}", "{,}", "<html>",
                            "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}"}) {
    EXPECT_FALSE(reads(wrong)) << wrong;
  }
  EXPECT_FALSE(reads(whole + std::string("\0{}", 3)));
  EXPECT_FALSE(reads(std::string("{\"a\":\"x\0y\"}", 11)));
}

TEST(ChatAnswer, SurvivesBracketsWithoutEnd) {
  const std::string deep(3'000'000, '[');
  EXPECT_FALSE(reads("{\"a\":" + deep));
  EXPECT_TRUE(reads("{\"a\":" + deep + std::string(deep.size(), ']') + "}"));
}

TEST(ChatAnswer, LoneSurrogatesBecomeReplacementCharacters) {
  EXPECT_EQ(read(R"({"choices":[{"text":"a\ud800b\udc00c\ud83d\ude00d\\ud800\ud83d"}]})").content,
            "a\uFFFDb\uFFFDc\U0001F600d\\ud800\uFFFD");
}

TEST(ChatAnswer, AnyFlippedByteIsReadOrRefused) {
  const std::string whole =
      R"({"choices":[{"message":{"content":"a\ud83d\ude00","reasoning":"r"},"finish_reason":"stop"}],
          "usage":{"prompt_tokens":1,"completion_tokens":2},"error":null})";
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = whole;
    for (int flips = 1 + static_cast<int>(random() % 3); flips > 0; --flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    refused += reads(damaged) ? 0 : 1;
  }
  EXPECT_GT(refused, 5000);
}

TEST(ModelList, ReadsNamesAndContexts) {
  std::vector<ListedModel> models;
  ASSERT_TRUE(read_model_list(R"({"object":"list","data":[{"id":"a","max_model_len":4096},
    {"id":"b","meta":{"n_ctx_train":8192,"n_ctx":2048}},{"id":"c"}]})",
                              models));
  ASSERT_EQ(models.size(), 3U);
  EXPECT_EQ(models[0].id, "a");
  EXPECT_EQ(models[0].max_tokens, 4096);
  EXPECT_EQ(models[1].max_tokens, 2048);
  EXPECT_EQ(models[2].max_tokens, 0);
  for (const char* wrong : {"", "[]", "{}", R"({"data":[1]})", R"({"data":[{"id":1}]})"}) {
    EXPECT_FALSE(read_model_list(wrong, models)) << wrong;
  }
}

}  // namespace
}  // namespace tpt::engine
