#include "engine/chat_reply.h"

#include "engine/estimated_counter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tpt::engine {
namespace {

using testing::HasSubstr;

ChatReply::Result reply_to(const std::string& bytes, ChatReplyOptions options = {},
                           std::size_t piece = 1 << 20, bool whole = true) {
  ChatReply reply(std::move(options));
  const std::string_view all = bytes;
  for (std::size_t at = 0; at < all.size(); at += piece) {
    if (!reply.feed(all.substr(at, piece))) break;
  }
  return reply.finish(whole);
}

std::string delta(const std::string& field, const std::string& text) {
  return "data: {\"choices\":[{\"index\":0,\"delta\":{\"" + field + "\":\"" + text +
         "\"},\"finish_reason\":null}]}\n\n";
}

const std::string kEnd =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n"
    "data: [DONE]\n\n";

TEST(ChatReply, AStreamIsReadFromAnySplit) {
  const std::string stream = ": ping\n\n" + delta("role", "assistant") +
                             delta("reasoning_content", "na\u00ef") +
                             delta("reasoning_content", "ve") + delta("content", "so") + kEnd;
  for (std::size_t piece = 1; piece < 60; ++piece) {
    const ChatReply::Result result = reply_to(stream, {}, piece);
    ASSERT_EQ(result.response.failure, Failure::none) << result.response.error;
    EXPECT_EQ(result.response.text, "na\u00efve");
    EXPECT_EQ(result.response.finish, Finish::stop);
    EXPECT_EQ(result.prompt_tokens, 3);
    EXPECT_EQ(result.generated_tokens, 5);
  }
}

TEST(ChatReply, TagsMayBeSplitOverEvents) {
  const std::string stream = delta("content", "<th") + delta("content", "ink>a b</") +
                             delta("content", "think") + delta("content", ">c") + kEnd;
  EXPECT_EQ(reply_to(stream).response.text, "a b");
  EXPECT_EQ(reply_to(stream, {.part = AnswerPart::answer}).response.text, "c");
}

TEST(ChatReply, EitherFormMayComeWhateverWasAskedFor) {
  const std::string object =
      " \n{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}";
  EXPECT_EQ(reply_to(object, {}, 1).response.text, "a");
  EXPECT_EQ(reply_to(object).response.finish, Finish::length);
}

TEST(ChatReply, ACutStreamKeepsItsText) {
  const std::string stream = delta("content", "first") + delta("content", " second");
  for (const bool whole : {true, false}) {
    const ChatReply::Result result = reply_to(stream, {}, 7, whole);
    EXPECT_EQ(result.response.text, "first second");
    if (whole) {
      EXPECT_EQ(result.response.finish, Finish::error);
      EXPECT_EQ(result.response.failure, Failure::unreachable);
    }
  }
}

TEST(ChatReply, AnErrorInAStreamIsOne) {
  const std::string stream =
      delta("content", "first") +
      "data: {\"error\":{\"message\":\"engine died\",\"type\":\"E\",\"code\":500}}\n\n"
      "data: [DONE]\n\n";
  const ChatReply::Result result = reply_to(stream);
  EXPECT_EQ(result.response.failure, Failure::broken);
  EXPECT_EQ(result.response.error, "engine died");
  EXPECT_EQ(result.response.text, "first");
  EXPECT_TRUE(result.has_error);
}

TEST(ChatReply, BrokenAnswersAreNone) {
  const std::string torn = delta("content", "a") + "data: {\"choices\":[{\"del\n\n" + kEnd;
  EXPECT_EQ(reply_to(torn).response.failure, Failure::broken);
  EXPECT_EQ(reply_to(torn).response.text, "a");
  for (const char* body : {"", " ", "{\"choices\":[", "{\"choices\":[]}", "{}", "<html>502</html>",
                           "{\"choices\":[{\"message\":{\"content\":\"a\"},"
                           "\"finish_reason\":\"abort\"}]}"}) {
    const ChatReply::Result result = reply_to(body);
    EXPECT_EQ(result.response.failure, Failure::broken) << body;
    EXPECT_EQ(result.response.finish, Finish::error);
    EXPECT_FALSE(result.response.error.empty());
  }
}

TEST(ChatReply, AnAnswerWhoseTextWasLostIsNone) {
  const auto object = [](const std::string& content, int tokens) {
    return "{\"choices\":[{\"message\":{\"role\":\"assistant\",\"content\":" + content +
           "},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":" +
           std::to_string(tokens) + "}}";
  };
  EXPECT_EQ(reply_to(object("null", 500)).response.failure, Failure::broken);
  EXPECT_EQ(reply_to(object("\"\"", 500)).response.failure, Failure::broken);
  // A stream in which no choice ever said anything, though it was ended as it should be.
  const std::string first = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
  EXPECT_EQ(reply_to(first + "data: {\"choices\":[]}\n\ndata: [DONE]\n\n").response.failure,
            Failure::broken);
  // The model that ends its turn at once, or says no more than a stop string.
  for (const int tokens : {1, 3}) {
    const ChatReply::Result result = reply_to(object("null", tokens));
    EXPECT_EQ(result.response.failure, Failure::none) << result.response.error;
    EXPECT_EQ(result.response.text, "");
  }
  EXPECT_EQ(reply_to(first + kEnd).response.failure, Failure::none);
}

TEST(ChatReply, TheCapCountsOnlyInsideTheThinking) {
  const auto object = [](const std::string& content) {
    return "{\"choices\":[{\"message\":{\"content\":\"" + content +
           "\"},\"finish_reason\":\"length\"}]}";
  };
  EXPECT_EQ(reply_to(object("<think>a")).response.finish, Finish::length);
  EXPECT_EQ(reply_to(object("<think>a</think>b")).response.finish, Finish::stop);
  EXPECT_EQ(reply_to(object("<think>a</think>b"), {.part = AnswerPart::answer}).response.finish,
            Finish::length);
}

TEST(ChatReply, StopStringsHoldWhereTheServerForgotThem) {
  const std::string object =
      "{\"choices\":[{\"message\":{\"content\":\"a END b\"},\"finish_reason\":\"length\"}]}";
  const ChatReply::Result result = reply_to(object, {.stop = {"END"}});
  EXPECT_EQ(result.response.text, "a ");
  EXPECT_EQ(result.response.finish, Finish::stop);
}

TEST(ChatReply, AWatchedLoopEndsTheStream) {
  std::vector<std::string> seen;
  ChatReplyOptions options;
  options.keep_going = [&](std::string_view text) {
    seen.emplace_back(text);
    return text.size() < 12;
  };
  std::string stream;
  for (int i = 0; i < 10; ++i) stream += delta("reasoning", "again ");
  ChatReply reply(options);
  bool goes_on = true;
  std::size_t at = 0;
  for (; at < stream.size() && goes_on; at += 40) goes_on = reply.feed(stream.substr(at, 40));
  EXPECT_FALSE(goes_on);
  EXPECT_LT(at, stream.size() / 2);
  EXPECT_EQ(reply.end(), ReplyEnd::loop);
  const ChatReply::Result result = reply.finish(false);
  EXPECT_EQ(result.response.finish, Finish::loop);
  EXPECT_EQ(result.response.text, "again again ");
  EXPECT_EQ(seen, (std::vector<std::string>{"again ", "again again "}));
}

TEST(ChatReply, NothingIsPaidForBehindTheThinking) {
  std::string stream = delta("reasoning", "why") + delta("content", "\\n\\n");
  for (int i = 0; i < 10; ++i) stream += delta("content", "long answer ");
  ChatReply reply({.stop = {"</think>"}});
  EXPECT_TRUE(reply.feed(delta("reasoning", "why")));
  EXPECT_FALSE(reply.feed(delta("content", "so")));
  EXPECT_EQ(reply.end(), ReplyEnd::over);
  EXPECT_EQ(reply.finish(false).response.finish, Finish::stop);
  ChatReply without_stop({});
  EXPECT_TRUE(without_stop.feed(stream));
}

// However many events arrive together.
TEST(ChatReply, TheSameStreamEndsAtTheSamePlaceWithTheSameCount) {
  std::string stream;
  for (int i = 0; i < 40; ++i) stream += delta("reasoning", "word ");
  for (int i = 0; i < 5; ++i) stream += delta("content", "answer ");
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, stream.size()}) {
    ChatReply reply({.stop = {"</think>"}});
    for (std::size_t at = 0; at < stream.size() && reply.feed(stream.substr(at, piece));) {
      at += piece;
    }
    EXPECT_EQ(reply.end(), ReplyEnd::over);
    EXPECT_EQ(reply.count(EstimatedCounter(), false), 40);
  }
  for (const std::size_t piece : {std::size_t{1}, stream.size()}) {
    ChatReply reply({.keep_going = [](std::string_view text) { return text.size() < 52; }});
    for (std::size_t at = 0; at < stream.size() && reply.feed(stream.substr(at, piece));) {
      at += piece;
    }
    EXPECT_EQ(reply.end(), ReplyEnd::loop);
    EXPECT_EQ(reply.finish(false).response.text.size(), 55U);
  }
}

TEST(ChatReply, EventsOfManyTokensAreNotCountedAsOne) {
  std::string stream;
  for (int i = 0; i < 10; ++i) stream += delta("reasoning", std::string(80, 'w'));
  ChatReply reply({.stop = {"</think>"}});
  reply.feed(stream + delta("content", "a"));
  EXPECT_EQ(reply.count(EstimatedCounter(), false), 200);
  EXPECT_EQ(reply.count(ByteCounter(), true), 800);
}

// vLLM's and SGLang's continuous_usage_stats.
TEST(ChatReply, CountsThatComeWithEachEventAreTheServers) {
  const auto counted = [](const std::string& field, int tokens) {
    return "data: {\"choices\":[{\"index\":0,\"delta\":{\"" + field + "\":\"w \"}}],\"usage\":{" +
           "\"prompt_tokens\":9,\"completion_tokens\":" + std::to_string(tokens) + "}}\n\n";
  };
  ChatReply reply({.stop = {"</think>"}});
  reply.feed(counted("reasoning", 7) + counted("reasoning", 14) + counted("content", 16));
  const ChatReply::Result result = reply.finish(false);
  EXPECT_EQ(result.prompt_tokens, 9);
  EXPECT_EQ(result.generated_tokens, 16);
}

TEST(ChatReply, ACallOfAToolIsNoText) {
  const std::string call =
      "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{}]},"
      "\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n";
  ChatReply reply({});
  reply.feed(call);
  const ChatReply::Result result = reply.finish(true);
  EXPECT_EQ(result.response.finish, Finish::error);
  EXPECT_EQ(result.response.error, "the answer holds no text");
}

TEST(ChatReply, AnErrorByItsEventsNameIsOne) {
  ChatReply reply({});
  reply.feed(delta("reasoning", "half a") +
             "event: error\ndata: {\"message\":\"worker died\"}\n\ndata: [DONE]\n\n");
  const ChatReply::Result result = reply.finish(true);
  EXPECT_EQ(result.response.finish, Finish::error);
  EXPECT_NE(result.response.error.find("worker died"), std::string::npos);
  EXPECT_EQ(result.response.text, "half a");
}

TEST(ChatReply, AByteOrderMarkIsNoTornAnswer) {
  ChatReply reply({});
  reply.feed(
      "\xEF\xBB\xBF{\"choices\":[{\"finish_reason\":\"stop\",\"message\":{\"content\":\"a\"}}]}");
  EXPECT_EQ(reply.finish(true).response.text, "a");
}

TEST(ChatReply, AnAnswerWithoutEndIsCutOff) {
  ChatReply stream({.most_bytes = 1000});
  bool goes_on = true;
  for (int i = 0; i < 1000 && goes_on; ++i) goes_on = stream.feed(delta("content", "0123456789"));
  EXPECT_FALSE(goes_on);
  EXPECT_EQ(stream.finish(false).response.failure, Failure::broken);
  ChatReply line({.most_bytes = 1000});
  goes_on = line.feed("data: ");
  for (int i = 0; i < 1000 && goes_on; ++i) goes_on = line.feed("0123456789");
  EXPECT_FALSE(goes_on);
  ChatReply object({.most_bytes = 1000});
  EXPECT_FALSE(object.feed("{" + std::string(1000, ' ')));
}

TEST(ChatReply, TextIsValidUtf8) {
  EXPECT_EQ(reply_to("{\"choices\":[{\"text\":\"a\xFF\xE4\xB8z\xC3\",\"finish_reason\":\"stop\"}]}")
                .response.text,
            "a\uFFFD\uFFFDz");
  // A code point over two events is whole again.
  EXPECT_EQ(reply_to(delta("content", "\xE4\xB8") + delta("content", "\xAD") + kEnd).response.text,
            "\u4e2d");
}

}  // namespace
}  // namespace tpt::engine
