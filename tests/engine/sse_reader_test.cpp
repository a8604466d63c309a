#include "engine/sse_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tpt::engine {
namespace {

std::vector<std::string> read(const std::vector<std::string_view>& pieces) {
  SseReader reader;
  std::vector<std::string> events;
  const auto keep = [&](std::string_view data) {
    events.emplace_back(data);
    return true;
  };
  for (const std::string_view piece : pieces) EXPECT_TRUE(reader.feed(piece, keep));
  EXPECT_TRUE(reader.finish(keep));
  EXPECT_EQ(reader.held_bytes(), 0U);
  return events;
}

TEST(SseReader, TellsTheNameOfAnEvent) {
  const std::string stream =
      "data: 1\n\nevent: error\ndata: 2\n\ndata: 3\n\nevent: ping\n\ndata: 4\n\ndata: "
      "5\nevent:end\n\n"
      "eventual: no\nevent\ndata: 6";
  SseReader reader;
  std::vector<std::string> events;
  const auto keep = [&](std::string_view data) {
    events.push_back(reader.event() + " " + std::string(data));
    return true;
  };
  EXPECT_TRUE(reader.feed(stream, keep));
  EXPECT_TRUE(reader.finish(keep));
  EXPECT_EQ(events, (std::vector<std::string>{" 1", "error 2", " 3", " 4", "end 5", " 6"}));
}

TEST(SseReader, ReadsTheSameFromEverySplit) {
  const std::string stream =
      "\xEF\xBB\xBF: hello\n\ndata: {\"a\":1}\n\n: keep-alive\r\n\r\nevent: x\r\nid: "
      "7\r\ndata:two\r\n"
      "data: lines\r\n\r\nretry: 5\rdata: cr\r\rdata\n\ndataset: no\n\ndata:  two spaces\n\n"
      "data: [DONE]\n\n";
  const std::vector<std::string> expected = {"{\"a\":1}", "two\nlines",  "cr",
                                             "",          " two spaces", "[DONE]"};
  ASSERT_EQ(read({stream}), expected);
  const std::string_view all = stream;
  for (std::size_t i = 0; i <= all.size(); ++i) {
    ASSERT_EQ(read({all.substr(0, i), all.substr(i)}), expected) << i;
    for (std::size_t k = i; k <= all.size(); k += 3) {
      ASSERT_EQ(read({all.substr(0, i), all.substr(i, k - i), all.substr(k)}), expected);
    }
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < all.size(); ++i) bytes.push_back(all.substr(i, 1));
  EXPECT_EQ(read(bytes), expected);
}

TEST(SseReader, TakesAnEventWithoutItsEmptyLineAtTheEnd) {
  EXPECT_THAT(read({"data: a\n\ndata: b"}), testing::ElementsAre("a", "b"));
  EXPECT_THAT(read({"data: a\n"}), testing::ElementsAre("a"));
  EXPECT_THAT(read({": only a comment"}), testing::IsEmpty());
}

TEST(SseReader, StopsWhereToldTo) {
  SseReader reader;
  int events = 0;
  EXPECT_FALSE(reader.feed("data: a\n\ndata: b\n\n", [&](std::string_view) {
    ++events;
    return false;
  }));
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace tpt::engine
