// How much of a document is shown again after a server said that it was too much: in the words of
// servers, with the address that the engine puts before them.
#include "augment/request.h"

#include <gtest/gtest.h>

#include <string>

namespace tpt::augment {
namespace {

// A request of 6,000 bytes, 1,500 tokens of 4 bytes.
std::int64_t shorter(const std::string& error) {
  PieceRequest request;
  request.context_bytes = 6000;
  request.request.prompt = std::string(6000, 'x');
  engine::Response response;
  response.failure = engine::Failure::too_long;
  response.error = error;
  return shorter_context(request, response);
}

void expect_fits(const std::string& words) {
  for (const std::string before : {"", "http://127.0.0.1:37469/v1: HTTP 400: ",
                                   "https://gpu-1024.cluster:8443/context/v1: HTTP 400: "}) {
    const std::int64_t bytes = shorter(before + words);
    EXPECT_LE(bytes, 4096) << before << words;
    EXPECT_GE(bytes, 3000) << before << words;
  }
}

TEST(ShorterContext, LeavesWhatTheServerHolds) {
  expect_fits("request (1500 tokens) exceeds the available context size (1024 tokens)");
  expect_fits(
      "This model's maximum context length is 1024 tokens. However, you requested 1500 tokens "
      "(1300 in the messages, 200 in the completion). Please reduce the length.");
}

TEST(ShorterContext, HalvesWhereNothingIsSaid) {
  EXPECT_EQ(shorter("http://127.0.0.1:37469/v1: HTTP 413"), 3000);
  EXPECT_EQ(shorter("the context is full"), 3000);
}

}  // namespace
}  // namespace tpt::augment
