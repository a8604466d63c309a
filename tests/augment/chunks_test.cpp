#include "augment/chunks.h"

#include "augment/scenario.h"
#include "base/random.h"
#include "base/utf8.h"
#include "tokenize/unicode.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace tpt::augment {
namespace {

const engine::ByteCounter kBytes;

std::vector<std::string> chunks_of(std::string_view text, std::int64_t max_tokens) {
  std::vector<std::string> chunks;
  std::size_t begin = 0;
  for (const std::size_t end : chunk_ends(text, max_tokens, kBytes)) {
    chunks.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  return chunks;
}

std::string joined(const std::vector<std::string>& chunks) {
  std::string text;
  for (const std::string& chunk : chunks) text += chunk;
  return text;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Chunks, EndAtParagraphsThenSentencesThenWords) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(chunks_of("One two. Three.\n\nFour five. Six.", 24),
            (Texts{"One two. Three.", "\n\nFour five. Six."}));
  EXPECT_EQ(chunks_of("One two. Three four. Five six.", 24),
            (Texts{"One two. Three four.", " Five six."}));
  EXPECT_EQ(chunks_of("one two three four five", 10), (Texts{"one two", " three", " four five"}));
  EXPECT_EQ(chunks_of("abcdefghij", 4), (Texts{"abcd", "efgh", "ij"}));
  EXPECT_EQ(chunks_of("It ends here.\n\n\n  ", 13), (Texts{"It ends here.\n\n\n  "}));
  EXPECT_EQ(chunks_of("whole", 0), (Texts{"whole"}));
  EXPECT_EQ(chunks_of("", 7), (Texts{""}));
  EXPECT_EQ(chunks_of("A b c.\r\n\r\nC d e.", 11), (Texts{"A b c.", "\r\n\r\nC d e."}));
}

// Texts made to be hard to cut, and random ones of hard pieces.
std::vector<std::string> hostile_texts() {
  const std::vector<std::string> pieces = {"word ",
                                           "A sentence. ",
                                           "\n\n",
                                           "\r\n\r\n",
                                           "\r\n",
                                           "\u6c34",
                                           "\U0001F600",
                                           "\xff",
                                           "\xe2\x86",
                                           "\x80",
                                           std::string("\0", 1),
                                           "e\u0301",
                                           "\u3002",
                                           "</think>",
                                           "    ",
                                           "\t",
                                           "...",
                                           "http://x.y/z?q=1&r=2",
                                           "\U0001F468\u200D\U0001F469\u200D\U0001F467"};
  std::vector<std::string> texts = {"",
                                    " ",
                                    "\n\n\n\n",
                                    "\xf0\x9f\x98",
                                    repeated("\u6c34", 500),
                                    repeated("\U0001F600", 300),
                                    repeated("x", 3000),
                                    repeated("a b. ", 400),
                                    repeated("\xff", 700)};
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (std::uint64_t k = random.below(200); k > 0; --k)
      text += pieces[random.below(pieces.size())];
    texts.push_back(text);
  }
  return texts;
}

TEST(Chunks, JoinedAreTheDocumentByteForByte) {
  for (const std::string& text : hostile_texts()) {
    for (const std::int64_t tokens : {1, 2, 3, 7, 64, 1000}) {
      const std::vector<std::string> chunks = chunks_of(text, tokens);
      ASSERT_EQ(joined(chunks), text);
      const bool is_valid = is_utf8(text);
      for (std::size_t i = 0; i < chunks.size(); ++i) {
        const std::string& chunk = chunks[i];
        ASSERT_EQ(chunk.empty(), text.empty());
        ASSERT_TRUE(!is_valid || is_utf8(chunk));
        // More only where one code point has more, or where the rest is white space.
        const std::size_t without_space = chunk.find_last_not_of(" \t\r\n") + 1;
        const std::size_t counted = i + 1 == chunks.size() ? without_space : chunk.size();
        ASSERT_LE(counted, static_cast<std::size_t>(std::max<std::int64_t>(tokens, 4)));
      }
    }
  }
}

TEST(ChunksSlow, TakesALineOfAHundredMegabytes) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& text :
       {std::string(100'000'000, 'x'), std::string(100'000'000, ' ') + "x"}) {
    const auto ends = chunk_ends(text, 2048, kBytes);
    EXPECT_EQ(ends.back(), text.size());
    EXPECT_GE(ends.size(), text.size() / 2048);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Tail, BeginsWithASentence) {
  const std::string text = "First one. Second one. Third one.";
  EXPECT_EQ(tail_of(text, 1000, kBytes), text);
  EXPECT_EQ(tail_of(text, 26, kBytes), "Second one. Third one.");
  EXPECT_EQ(tail_of(text, 20, kBytes), "one. Third one.");
  EXPECT_EQ(tail_of("", 20, kBytes), "");
  for (const std::string& hostile : hostile_texts()) {
    for (const std::int64_t tokens : {1, 5, 50}) {
      const std::string_view tail = tail_of(hostile, tokens, kBytes);
      ASSERT_LE(tail.size(), static_cast<std::size_t>(tokens));
      ASSERT_TRUE(std::string_view(hostile).ends_with(tail));
    }
  }
}

}  // namespace
}  // namespace tpt::augment
