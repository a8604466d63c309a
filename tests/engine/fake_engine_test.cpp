#include "engine/fake_engine.h"

#include "engine/ask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace tpt::engine {
namespace {

Request request_for(int i) {
  Request request;
  request.key = "doc-" + std::to_string(i);
  request.prompt = "prompt " + std::to_string(i);
  request.sampling.seed = static_cast<std::uint64_t>(i);
  return request;
}

std::vector<Request> many(int count) {
  std::vector<Request> requests;
  for (int i = 0; i < count; ++i) requests.push_back(request_for(i));
  return requests;
}

TEST(FakeEngine, SameTextForAnyNumberOfThreads) {
  FakeEngine one({.threads = 1});
  FakeEngine four({.threads = 4, .delay = std::chrono::milliseconds(3)});
  const std::vector<Request> requests = many(40);
  const std::vector<Response> expected = ask(one, requests);
  const std::vector<Response> got = ask(four, requests);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(got[i].text, expected[i].text);
    texts.insert(got[i].text);
  }
  EXPECT_GT(texts.size(), 35U);
  EXPECT_EQ(four.calls(), 40);
  EXPECT_LE(four.most_in_flight(), 40);
}

TEST(FakeEngine, TheSeedChangesTheTextAndTheKeyDoesNot) {
  FakeEngine engine;
  Request other_seed = request_for(1);
  other_seed.sampling.seed = 99;
  Request other_key = request_for(1);
  other_key.key = "another";
  const std::vector<Response> got = ask(engine, {request_for(1), other_seed, other_key});
  EXPECT_NE(got[0].text, got[1].text);
  EXPECT_EQ(got[0].text, got[2].text);
}

TEST(FakeEngine, AFailingKeyFailsAsOftenAsToldAndThenSucceeds) {
  FakeEngine engine({.failure_share = 0.5, .failures_of_a_key = 2});
  std::vector<std::vector<Response>> rounds;
  for (int round = 0; round < 3; ++round) rounds.push_back(ask(engine, many(60)));
  int failing = 0;
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(rounds[0][i].finish, rounds[1][i].finish);
    EXPECT_NE(rounds[2][i].finish, Finish::error);
    if (rounds[0][i].finish == Finish::error) {
      ++failing;
      EXPECT_THAT(rounds[0][i].error, testing::HasSubstr("doc-" + std::to_string(i)));
    }
  }
  EXPECT_GT(failing, 15);
  EXPECT_LT(failing, 45);
  EXPECT_EQ(engine.calls_by_key().at("doc-7"), 3);
}

TEST(FakeEngine, HonoursCapAndStopStrings) {
  FakeEngine engine({.words = 50});
  std::vector<Request> requests = many(20);
  const std::vector<Response> whole = ask(engine, requests);
  for (Request& request : requests) request.sampling.max_tokens = 10;
  const std::vector<Response> capped = ask(engine, requests);
  for (Request& request : requests) {
    request.sampling.max_tokens = 8192;
    request.sampling.stop = {"", "proof", "steps"};
  }
  const std::vector<Response> stopped = ask(engine, requests);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (whole[i].text.size() > 10) {
      EXPECT_EQ(capped[i].finish, Finish::length);
      EXPECT_LE(capped[i].text.size(), 10U);
      EXPECT_TRUE(whole[i].text.starts_with(capped[i].text));
    }
    EXPECT_EQ(stopped[i].finish, Finish::stop);
    EXPECT_EQ(stopped[i].text, whole[i].text.substr(0, std::min(whole[i].text.find("proof"),
                                                                whole[i].text.find("steps"))));
  }
}

TEST(FakeEngine, NothingIsCalledAfterTheDestructor) {
  std::atomic<int> answered = 0;
  std::atomic<bool> gone = false;
  {
    FakeEngine engine({.threads = 3, .delay = std::chrono::milliseconds(20)});
    for (int i = 0; i < 200; ++i) {
      engine.submit(request_for(i), [&](const Response&) {
        EXPECT_FALSE(gone);
        ++answered;
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  gone = true;
  EXPECT_LT(answered, 200);
}

TEST(ByteCounter, CutsAtWholeCodePoints) {
  const ByteCounter counter;
  EXPECT_EQ(counter.prefix_bytes("a\u00e9z", 2), 1U);
  EXPECT_EQ(counter.prefix_bytes("a\u00e9z", 3), 3U);
  EXPECT_EQ(counter.prefix_bytes("a\u00e9z", 0), 0U);
  EXPECT_EQ(counter.prefix_bytes("", 5), 0U);
  EXPECT_EQ(counter.count("a\u00e9z"), 4);
}

}  // namespace
}  // namespace tpt::engine
