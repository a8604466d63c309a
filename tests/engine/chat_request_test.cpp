#include "engine/chat_request.h"

#include "base/error.h"
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tpt::engine {
namespace {

Request request_of(std::string prompt) {
  Request request;
  request.prompt = std::move(prompt);
  request.sampling.seed = 0xFFFFFFFF00000007U;
  request.sampling.stop = {"</think>", "", "\"q\""};
  return request;
}

TEST(ChatRequest, SaysEverythingThatDecidesTheAnswer) {
  Request request = request_of("a \"b\"\n\\c");
  request.sampling.temperature = 0.6;
  request.sampling.max_tokens = 77;
  const Json body = Json::parse(
      chat_request_body({.model = "m/x", .system_prompt = "be brief"}, {}, request, true));
  EXPECT_EQ(body, Json::parse(R"({"model":"m/x","messages":[
      {"role":"system","content":"be brief"},{"role":"user","content":"a \"b\"\n\\c"}],
      "max_tokens":77,"temperature":0.6,"top_p":0.9,"seed":7,"stop":["</think>","\"q\""]})"));
}

TEST(ChatRequest, SendsTopKOnlyWhereItIsSet) {
  Request request = request_of("p");
  EXPECT_FALSE(Json::parse(chat_request_body({.model = "m"}, {}, request, true)).contains("top_k"));
  request.sampling.top_k = 40;
  EXPECT_EQ(Json::parse(chat_request_body({.model = "m"}, {}, request, true))["top_k"], 40);
}

TEST(ChatRequest, ContinuesAnAssistantTurnWhereItMay) {
  Request request = request_of("p");
  request.answer_start = "<think>\nSo";
  const Json continued = Json::parse(
      chat_request_body({.model = "m", .prefill = Prefill::continued}, {}, request, true));
  EXPECT_EQ(continued["messages"].back(),
            Json::parse(R"({"role":"assistant","content":"<think>\nSo"})"));
  EXPECT_EQ(continued["continue_final_message"], true);
  EXPECT_EQ(continued["add_generation_prompt"], false);
  const Json none = Json::parse(chat_request_body({.model = "m"}, {}, request, true));
  EXPECT_EQ(none["messages"].size(), 1U);
  EXPECT_FALSE(none.contains("continue_final_message"));
  const Json completion = Json::parse(chat_request_body({.model = "m"}, {}, request, false));
  EXPECT_EQ(completion["prompt"], "p<think>\nSo");
  EXPECT_FALSE(completion.contains("messages"));
}

TEST(ChatRequest, AsksForUsageInAStream) {
  const Json body =
      Json::parse(chat_request_body({.model = "m", .stream = true}, {}, request_of("p"), true));
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
}

TEST(ChatRequest, ExtraFieldsReplaceAndRemoveOurs) {
  const ExtraFields extra(R"({"seed": null, "temperature": 1.5, "stop": ["x"],
                              "chat_template_kwargs": {"enable_thinking": true}})");
  const std::string text = chat_request_body({.model = "m"}, extra, request_of("p"), true);
  const Json body = Json::parse(text);
  EXPECT_FALSE(body.contains("seed"));
  EXPECT_EQ(body["temperature"], 1.5);
  EXPECT_EQ(body["stop"], Json::parse(R"(["x"])"));
  EXPECT_EQ(body["chat_template_kwargs"]["enable_thinking"], true);
  // No name twice: readers differ in which one they take.
  EXPECT_EQ(text.find("temperature"), text.rfind("temperature"));
}

TEST(ChatRequest, RefusesExtraFieldsThatAreNone) {
  for (const std::string_view wrong : {"[1]", "{", "1", R"({"model":"x"})", R"({"messages":[]})",
                                       R"({"stream":true})", R"({"n":2})"}) {
    EXPECT_THROW(ExtraFields{wrong}, Error) << wrong;
  }
  EXPECT_EQ(ExtraFields(" \n").text(), "");
  EXPECT_EQ(ExtraFields("{}").text(), "");
}

TEST(ChatRequest, EscapesEveryByteAsAnotherReaderUnderstandsIt) {
  std::string text;
  for (int c = 1; c < 0x80; ++c) text += static_cast<char>(c);
  text += std::string("\0x", 2) + "\u00e9\u4e2d\U0001F600\u2028";
  std::string json;
  append_json_string(json, text);
  EXPECT_EQ(Json::parse(json).get<std::string>(), text);
  for (const char c : json) EXPECT_GE(static_cast<unsigned char>(c), 0x20);
}

TEST(ChatRequest, InvalidTextBecomesReplacementCharacters) {
  std::string json;
  append_json_string(json, "a\xFF\xC3(\xED\xA0\x80z\xE4\xB8");
  EXPECT_EQ(Json::parse(json).get<std::string>(), "a\uFFFD\uFFFD(\uFFFD\uFFFD\uFFFDz\uFFFD");
}

TEST(ChatRequest, KnowsAnOpeningTagFromAText) {
  for (const char* tag : {"", "<think>", "<think>\n", " \n<reasoning> "}) {
    EXPECT_TRUE(is_only_tag(tag)) << tag;
  }
  for (const char* text : {"<think>\nSo", "So", "<a><b>", "<think", "a <b>", "<a\nb>"}) {
    EXPECT_FALSE(is_only_tag(text)) << text;
  }
}

}  // namespace
}  // namespace tpt::engine
