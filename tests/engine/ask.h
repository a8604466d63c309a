// Submits requests to an engine and waits for the answers.
#pragma once

#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

namespace tpt::engine {

// The answers in the order of the requests; fails the test where a request is answered twice or
// not within the time.
inline std::vector<Response> ask(Engine& engine, const std::vector<Request>& requests,
                                 std::chrono::seconds patience = std::chrono::seconds(300)) {
  std::vector<Response> responses(requests.size());
  std::vector<int> answers(requests.size(), 0);
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t finished = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    engine.submit(requests[i], [&, i](Response response) {
      const std::scoped_lock lock(mutex);
      responses[i] = std::move(response);
      ++answers[i];
      ++finished;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, patience, [&] { return finished >= requests.size(); }));
  EXPECT_THAT(answers, testing::Each(1));
  return responses;
}

}  // namespace tpt::engine
