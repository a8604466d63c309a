#include "engine/mock_answer.h"

#include "base/error.h"
#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <string>

namespace tpt::engine {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

MockRequest request_of(const std::string& prompt, const Json& more = Json::object(),
                       bool keep_text = false) {
  Json body = {{"messages", Json::array({{{"role", "user"}, {"content", prompt}}})},
               {"max_tokens", 30000}};
  body.update(more);
  MockRequest request;
  std::string error;
  EXPECT_TRUE(read_mock_request(body.dump(), true, keep_text, request, error)) << error;
  return request;
}

std::string escaped(const MockText& text) {
  std::string out;
  text.append_escaped(0, text.tokens(), out);
  return out;
}

TEST(MockText, EscapedAndPlainAreTheSameText) {
  const MockPool pool(1);
  const std::size_t all = pool.prose().count;
  MockText text(pool);
  // Round the end of the prose, and over and over.
  text.add_prose(all - 10, 25);
  text.add_prose(all - 3, 100, 7);
  text.add_own("a \"quoted\" word\nand \xff bytes\t");
  text.add(pool.refusal());
  EXPECT_EQ(text.tokens(), 25 + 100 + 6 + pool.refusal().count);
  EXPECT_EQ(text.raw_bytes(), text.raw().size());
  std::string expected = text.raw();
  expected.replace(expected.find('\xff'), 1, "\xef\xbf\xbd");
  EXPECT_EQ(Json::parse('"' + escaped(text) + '"').get<std::string>(), expected);
  // Token by token is the whole.
  std::string joined;
  for (std::size_t i = 0; i < text.tokens(); ++i) text.append_escaped(i, 1, joined);
  EXPECT_EQ(joined, escaped(text));
  // The repetition repeats.
  std::string first, second;
  text.append_raw(25, 7, first);
  text.append_raw(32, 7, second);
  EXPECT_EQ(first, second);
  text.cut(30);
  EXPECT_EQ(text.tokens(), 30U);
  EXPECT_TRUE(expected.starts_with(text.raw()));
}

TEST(MockText, TheProseIsOfOneSeedAndValid) {
  const MockPool pool(5);
  const MockPool same(5);
  const MockPool other(6);
  const auto prose = [](const MockPool& from) {
    return std::string(from.raw(from.prose().first, from.prose().count));
  };
  EXPECT_EQ(prose(pool), prose(same));
  EXPECT_NE(prose(pool), prose(other));
  EXPECT_EQ(Json::parse('"' + std::string(pool.escaped(0, 1000)) + '"').get<std::string>(),
            pool.raw(0, 1000));
  const std::string text = prose(pool);
  EXPECT_EQ(text.find_first_of("0123456789"), std::string::npos);
  EXPECT_THAT(text, testing::AllOf(HasSubstr("\xF0\x9F\xA7\xA0"), HasSubstr("\"plain\""),
                                   HasSubstr(".\n\n"), HasSubstr("a\\b")));
  EXPECT_THAT(std::string(pool.escaped(pool.prose().first, pool.prose().count)),
              HasSubstr("\\ud83e\\udde0"));
  const std::size_t all = pool.prose().count;
  const std::size_t whole = pool.raw_bytes(pool.prose().first, all);
  for (const std::size_t first : {std::size_t{0}, std::size_t{17}, all - 1}) {
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, whole - 1,
                                    whole, whole + 1, 3 * whole + 4096}) {
      const std::size_t tokens = pool.prose_tokens_within(first, bytes);
      EXPECT_LE(pool.prose_bytes(first, tokens), bytes);
      EXPECT_GT(pool.prose_bytes(first, tokens + 1), bytes);
    }
  }
}

TEST(MockAnswer, HasExactlyTheBytesOrTokensAskedFor) {
  for (const std::int64_t bytes : {1, 2, 13, 119, 120, 121, 500, 4096, 65537, 1'000'000}) {
    const MockRules rules({.context_tokens = 1 << 28, .answer_bytes = bytes});
    for (int i = 0; i < 20; ++i) {
      const MockRequest request =
          request_of("prompt " + std::to_string(i), {{"max_tokens", 10'000'000}});
      const MockAnswer answer = compose(rules, request);
      EXPECT_EQ(static_cast<std::int64_t>(answer.content.raw().size()), bytes);
      EXPECT_THAT(answer.content.raw(), EndsWith("."));
      EXPECT_FALSE(answer.capped);
    }
  }
  for (const std::int64_t tokens : {1, 2, 16, 17, 1000, 200'000}) {
    const MockRules rules({.context_tokens = 1 << 28, .answer_tokens = tokens});
    EXPECT_EQ(static_cast<std::int64_t>(
                  compose(rules, request_of("p", {{"max_tokens", 10'000'000}})).tokens()),
              tokens);
  }
}

TEST(MockAnswer, FollowsFromPromptAndSamplingAlone) {
  const MockRules rules({.length_spread = MockSpread::lognormal});
  const auto text = [&](const Json& more, const std::string& prompt = "the prompt") {
    return compose(rules, request_of(prompt, more)).content.raw();
  };
  const std::string plain = text({{"temperature", 0.6}, {"seed", 1}});
  EXPECT_EQ(plain, text({{"seed", 1}, {"temperature", 0.6}}));
  EXPECT_EQ(plain, text({{"seed", 1}, {"temperature", 0.6}, {"stream", true}}));
  std::set<std::string> texts = {plain};
  for (const Json& more :
       {Json{{"temperature", 0.7}, {"seed", 1}}, Json{{"temperature", 0.6}, {"seed", 2}},
        Json{{"temperature", 1}, {"seed", 0.6}},
        Json{{"temperature", 0.6}, {"seed", 1}, {"top_p", 0.9}},
        Json{{"temperature", 0.6}, {"seed", 1}, {"top_k", 9}},
        Json{{"temperature", 0.6}, {"seed", 1}, {"model", "other"}},
        Json{{"temperature", 0.6}, {"seed", 1}, {"stop", "never said"}}}) {
    EXPECT_TRUE(texts.insert(text(more)).second) << more;
  }
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(texts.insert(text({{"seed", 1}}, "prompt " + std::to_string(i))).second);
  }
  // Less room gives the start of the same text.
  const MockRequest shorter =
      request_of("the prompt", {{"temperature", 0.6}, {"seed", 1}, {"max_tokens", 50}});
  const MockAnswer cut = compose(rules, shorter);
  EXPECT_TRUE(cut.capped);
  EXPECT_EQ(cut.tokens(), 50U);
  EXPECT_TRUE(plain.starts_with(cut.content.raw()));
  EXPECT_NE(shorter.key, request_of("the prompt", {{"temperature", 0.6}, {"seed", 1}}).key);
}

TEST(MockAnswer, LengthsSpreadAroundTheirMean) {
  for (const auto& [spread, deviation] : {std::pair(MockSpread::uniform, 1 / std::sqrt(3.0)),
                                          std::pair(MockSpread::lognormal, 0.947)}) {
    const MockRules rules({.answer_bytes = 3000, .length_spread = spread, .length_sigma = 0.8});
    double sum = 0;
    double squares = 0;
    constexpr int kRequests = 5000;
    for (int i = 0; i < kRequests; ++i) {
      const auto bytes = static_cast<double>(
          compose(rules, request_of("p" + std::to_string(i))).content.raw_bytes());
      sum += bytes;
      squares += bytes * bytes;
    }
    const double mean = sum / kRequests;
    EXPECT_NEAR(mean, 3000, 150);
    EXPECT_NEAR(std::sqrt(squares / kRequests - mean * mean) / 3000, deviation, 0.1);
  }
}

TEST(MockAnswer, LoopsCapsRefusalsAndCopiesComeInTheirShares) {
  const MockRules rules({.answer_bytes = 1000,
                         .cap_share = 0.2,
                         .loop_share = 0.3,
                         .refusal_share = 0.1,
                         .copy_share = 0.15});
  int capped = 0, loops = 0, refusals = 0, copies = 0;
  constexpr int kRequests = 2000;
  for (int i = 0; i < kRequests; ++i) {
    const std::string prompt = fmt::format("What is {} times two, said slowly?", i);
    const MockAnswer answer = compose(rules, request_of(prompt, {{"max_tokens", 1500}}, true));
    const std::string text = answer.content.raw();
    refusals += text.find("I can't help") != std::string::npos;
    copies += text == prompt;
    if (!answer.capped) continue;
    EXPECT_EQ(answer.tokens(), 1500U);
    std::string tail;
    answer.content.append_raw(1500 - 100, 100, tail);
    // A loop of at most 42 tokens has its last tokens before as well.
    std::string last;
    answer.content.append_raw(1500 - 20, 20, last);
    const bool is_loop = tail.substr(0, tail.size() - last.size()).find(last) != std::string::npos;
    (is_loop ? loops : capped) += 1;
  }
  EXPECT_NEAR(loops, 0.3 * kRequests, 70);
  EXPECT_NEAR(capped, 0.2 * kRequests, 70);
  EXPECT_NEAR(refusals, 0.1 * kRequests, 50);
  EXPECT_NEAR(copies, 0.15 * kRequests, 60);
}

TEST(MockAnswer, PutsTheThinkingWhereItIsTold) {
  const auto pool = std::make_shared<const MockPool>(0);  // the answers refer to it
  const auto answer_of = [&](MockThink think, const Json& more = Json::object()) {
    const MockRules rules({.answer_bytes = 400, .think = think}, pool);
    return compose(rules, request_of("p", more));
  };
  EXPECT_EQ(answer_of(MockThink::none).content.raw_bytes(), 400U);
  const MockAnswer field = answer_of(MockThink::reasoning_content);
  const std::string thinking = field.reasoning.raw();
  EXPECT_EQ(thinking.size(), 400U);
  const std::string line = field.content.raw();
  EXPECT_FALSE(line.empty());
  EXPECT_EQ(answer_of(MockThink::tags).content.raw(),
            "<think>\n" + thinking + "\n</think>\n\n" + line);
  EXPECT_EQ(answer_of(MockThink::end_tag).content.raw(), thinking + "\n</think>\n\n" + line);
  // Cut within the thinking there is no end of it.
  const MockAnswer cut = answer_of(MockThink::reasoning, {{"max_tokens", 9}});
  EXPECT_EQ(cut.reasoning.tokens(), 9U);
  EXPECT_TRUE(cut.content.empty());
  EXPECT_THAT(answer_of(MockThink::tags, {{"max_tokens", 9}}).content.raw(),
              testing::AllOf(StartsWith("<think>\n"), Not(HasSubstr("</think>"))));
}

TEST(MockAnswer, EndsBeforeAStopString) {
  const MockRules rules({.answer_bytes = 4000});
  const MockRequest request = request_of("p", {{"stop", Json::array({"zzz", ". "})}});
  const std::string text = compose(rules, request).content.raw();
  EXPECT_THAT(text, Not(HasSubstr(". ")));
  EXPECT_LT(text.size(), 1000U);
}

TEST(MockRequest, ReadsWhatClientsSend) {
  MockRequest request;
  std::string error;
  const auto read = [&](const std::string& body, bool chat = true) {
    request = MockRequest();
    return read_mock_request(body, chat, true, request, error);
  };
  ASSERT_TRUE(read(R"({"messages":[{"role":"system","content":"s"},{"content":[{"type":"text",
      "text":"a\u00e9"},{"type":"text","text":"b"}],"role":"user"}],"stream":true,"stream_options":
      {"include_usage":true},"max_completion_tokens":7,"stop":["x","y"],"unknown":{"max_tokens":[1]},
      "n":1,"model":"m","seed":18446744073709551615,"temperature":null})"));
  EXPECT_TRUE(request.stream && request.include_usage);
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.prompt_bytes, 5);
  EXPECT_EQ(request.last_message, "a\u00e9b");
  EXPECT_THAT(request.stop, testing::ElementsAre("x", "y"));
  EXPECT_TRUE(read(R"({"prompt":"once"})", false));
  EXPECT_TRUE(read(R"({"prompt":["once"]})", false));
  EXPECT_TRUE(read(R"({"prompt":[[1,2,3]]})", false));
  EXPECT_EQ(request.prompt_bytes, 12);
  EXPECT_FALSE(read(R"({"prompt":["one","two"]})", false));
  EXPECT_FALSE(read(R"({"prompt":"not chat"})"));
  EXPECT_FALSE(read(R"({"messages":[]})"));
  EXPECT_FALSE(read(R"({"messages":[{"role":"user","content":"x"}],"max_tokens":0})"));
  EXPECT_FALSE(read(R"({"messages":[{"role":"user","content":"x"}],"n":2})"));
  EXPECT_FALSE(read("[1]"));
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}"));
  EXPECT_FALSE(read("{\"messages\":[{\"role\":\"user\",\"content\":\"\xed\xa0\x80\"}]}"));
  // Deep nesting is no way into our stack.
  EXPECT_FALSE(read(std::string(3'000'000, '[')));
  EXPECT_FALSE(read("{\"a\":" + std::string(3'000'000, '{')));
}

TEST(MockFaultPlan, ComeInTheirSharesAndRepeatably) {
  const MockFaultPlan plan({"busy=0.1", "cut=0.2", "500=0.05"}, 3, 42);
  std::array<int, kMockFaults> seen{};
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const MockKey key{.high = mix_words(i, 0x9e3779b97f4a7c15), .low = i};
    const MockFault fault = plan.draw_fault(key, 0, 0);
    EXPECT_EQ(fault, plan.draw_fault(key, 0, 0));
    EXPECT_EQ(plan.draw_fault(key, 5, 3), MockFault::none);
    ++seen[static_cast<std::size_t>(fault)];
  }
  EXPECT_NEAR(seen[static_cast<std::size_t>(MockFault::busy)], 2000, 150);
  EXPECT_NEAR(seen[static_cast<std::size_t>(MockFault::cut)], 4000, 200);
  EXPECT_NEAR(seen[static_cast<std::size_t>(MockFault::status_500)], 1000, 120);
  for (const std::string entry : {"bussy=0.1", "busy", "busy=", "busy=2", "busy=-1", "busy=nan",
                                  "=0.1", "busy=0.1x", "none=0.1"}) {
    EXPECT_THROW(MockFaultPlan({entry}, 1, 1), Error) << entry;
  }
  EXPECT_THROW(MockFaultPlan({"busy=0.6", "cut=0.6"}, 1, 1), Error);
}

}  // namespace
}  // namespace tpt::engine
