#include "lab/expert_engine.h"

#include "lab/document_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace tpt::lab {
namespace {

engine::Response ask(engine::Engine& engine, engine::Request request) {
  std::promise<engine::Response> promise;
  engine.submit(std::move(request),
                [&](engine::Response response) { promise.set_value(std::move(response)); });
  return promise.get_future().get();
}

TEST(Expert, WritesTheStepsOfAChain) {
  ExpertEngine engine;
  const auto response =
      ask(engine, {.prompt = "Think!", .answer_start = "<think>", .document = "7-3*4+8=4."});
  EXPECT_EQ(response.text, "7-3=4 4*4=6 6+8=4");
  EXPECT_EQ(response.finish, Finish::stop);
  EXPECT_EQ(response.prompt_tokens, 6 + 7);
  EXPECT_EQ(response.generated_tokens, 17);
  EXPECT_EQ(response.error, "");
  EXPECT_THAT(engine.name(), testing::HasSubstr("not a model"));
}

TEST(Expert, SaysThatAPlainSentenceNeedsNone) {
  ExpertEngine engine;
  const auto response = ask(engine, {.document = "The old sailor mends a net by the harbour."});
  EXPECT_EQ(response.text, "no steps");
  EXPECT_EQ(response.finish, Finish::stop);
}

TEST(Expert, RefusesEverythingElse) {
  ExpertEngine engine;
  const std::vector<std::string> garbage = {"",
                                            ".",
                                            "=",
                                            "=4.",
                                            "7-3*4+8=5.",
                                            "7-3*4+8=4",
                                            "7-3*4+8=4.\n",
                                            " 7-3*4+8=4.",
                                            "7-3*4+8=04.",
                                            "7-3*4+8=14.",
                                            "7/3=2.",
                                            "7=7.",
                                            "17-3=4.",
                                            "7-3=4.8+1=9.",
                                            "The sum 7-3 is 4.",
                                            "no capital.",
                                            "No end",
                                            "<think>x</think>.",
                                            std::string("A\0b.", 4),
                                            "\xff\xfe.",
                                            "Na\xc3\xafve.",
                                            "The cat; the dog.",
                                            std::string(1 << 20, '9')};
  for (const std::string& document : garbage) {
    const auto response = ask(engine, {.document = document});
    EXPECT_EQ(response.finish, Finish::error) << document.substr(0, 40);
    EXPECT_EQ(response.text, "");
    EXPECT_NE(response.error, "");
    EXPECT_EQ(response.generated_tokens, 0);
  }
  // The place of the mistake is told.
  EXPECT_THAT(ask(engine, {.document = "7-3*4+8=5."}).error, testing::HasSubstr("=4."));
}

TEST(Expert, ObeysTheCapAndTheStopStrings) {
  ExpertEngine engine;
  engine::Request request{.document = "7-3*4+8=4."};
  request.sampling.max_tokens = 8;
  auto response = ask(engine, request);
  EXPECT_EQ(response.text, "7-3=4 4*");
  EXPECT_EQ(response.finish, Finish::length);
  request.sampling.max_tokens = 17;
  EXPECT_EQ(ask(engine, request).finish, Finish::stop);
  request.sampling.stop = {"", " 6", " 4"};
  response = ask(engine, request);
  EXPECT_EQ(response.text, "7-3=4");
  EXPECT_EQ(response.finish, Finish::stop);
}

TEST(Expert, AnswersFromManyThreadsAndBeforeItIsGone) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2'000;
  std::atomic<int> right = 0;
  {
    ExpertEngine engine;
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          engine.submit({.document = "1+1=2."}, [&](engine::Response response) {
            right += response.text == "1+1=2" ? 1 : 0;
          });
        }
      });
    }
    threads.clear();
  }
  EXPECT_EQ(right, kThreads * kEach);
}

TEST(Expert, ThinksLongerAboutLongerChainsAndBrieflyAboutPlainText) {
  ExpertEngine engine;
  Config config;
  config.documents = 2'000;
  DocumentSource source(config);
  for (Document document; source.next(document);) {
    const auto response = ask(engine, {.document = document.text});
    ASSERT_EQ(response.finish, Finish::stop) << document.text;
    const auto steps = parse_json(document.metadata, "metadata")["steps"].get<std::int64_t>();
    EXPECT_EQ(response.generated_tokens, steps == 0 ? 8 : 6 * steps - 1) << document.text;
  }
}

}  // namespace
}  // namespace tpt::lab
