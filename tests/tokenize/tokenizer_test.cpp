#include "tokenize/tokenizer.h"

#include "base/error.h"
#include "base/random.h"
#include "oracle.h"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

namespace tpt::tokenize {
namespace {

std::string random_bytes(Random& random, std::size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    // Whole words, code points, and bytes that are no UTF-8.
    static const std::vector<std::string> kParts = {"word",
                                                    " ",
                                                    "\n",
                                                    "  ",
                                                    "12",
                                                    "\xC3\xA9",
                                                    "e\xCC\x81",
                                                    "\xE4\xBD\xA0",
                                                    "\xF0\x9F\x98\x80",
                                                    "\xFF",
                                                    "\xC3",
                                                    "\xE4\xBD",
                                                    "\xED\xA0\x80",
                                                    "<|endoftext|>",
                                                    "<think>",
                                                    "'s",
                                                    "\t",
                                                    "!?"};
    text += random.below(8) == 0 ? std::string(1, static_cast<char>(random.below(256)))
                                 : kParts[random.below(kParts.size())];
  }
  return text;
}

std::vector<std::unique_ptr<Tokenizer>> tokenizers_here() {
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  tokenizers.push_back(load_tokenizer("bytes"));
  if (std::filesystem::exists(TPT_SMOLLM2)) {
    tokenizers.push_back(load_tokenizer(TPT_SMOLLM2));
  }
  if (has_shared()) {
    tokenizers.push_back(load_tokenizer(tokenizer_files() / "gpt2"));
  }
  return tokenizers;
}

TEST(Tokenizers, GiveBackAnyBytes) {
  Random random(5);
  const auto tokenizers = tokenizers_here();
  for (int round = 0; round < 300; ++round) {
    const std::string text = random_bytes(random, random.below(200));
    for (const auto& tokenizer : tokenizers) {
      const std::vector<TokenId> ids = tokenizer->encode(text);
      EXPECT_EQ(tokenizer->count(text), static_cast<std::int64_t>(ids.size()));
      // SmolLM2's vocabulary lacks some bytes, as its own tokenizer does: they vanish.
      const bool has_all_bytes = tokenizer->vocab_size() == 260 || tokenizer->vocab_size() == 50257;
      if (has_all_bytes) {
        EXPECT_EQ(tokenizer->decode(ids), text);
      }
    }
  }
}

TEST(Tokenizers, NeverGiveASpecialIdForText) {
  for (const auto& tokenizer : tokenizers_here()) {
    for (const char* name :
         {"<|endoftext|>", "<think>", "</think>", "<|pad|>", "<|im_start|>", "<|im_end|>"}) {
      const auto id = tokenizer->special(name);
      const std::vector<TokenId> ids = tokenizer->encode(fmt::format("a{}b {}", name, name));
      if (id) {
        EXPECT_EQ(std::count(ids.begin(), ids.end(), *id), 0) << name;
        EXPECT_EQ(tokenizer->decode(std::span(&*id, 1)), name);
      }
      EXPECT_EQ(tokenizer->decode(ids), fmt::format("a{}b {}", name, name));
    }
    ASSERT_TRUE(tokenizer->end_of_text());
    EXPECT_EQ(tokenizer->end_of_text(), tokenizer->special("<|endoftext|>"));
  }
}

TEST(Tokenizers, RefuseIdsOutsideTheVocabulary) {
  for (const auto& tokenizer : tokenizers_here()) {
    for (const std::int64_t id : {std::int64_t{-1}, tokenizer->vocab_size()}) {
      const auto wrong = static_cast<TokenId>(id);
      EXPECT_THROW(tokenizer->decode(std::span(&wrong, 1)), Error);
    }
  }
}

TEST(Tokenizers, GiveTheSameIdsOnAnyThread) {
  Random random(6);
  std::vector<std::string> texts;
  for (int i = 0; i < 200; ++i) {
    texts.push_back(random_bytes(random, 300));
  }
  // Interleaved, so that the threads' caches serve all of them.
  const auto tokenizers = tokenizers_here();
  const auto encode_all = [&] {
    std::vector<std::vector<TokenId>> all;
    for (const std::string& text : texts) {
      for (const auto& tokenizer : tokenizers) {
        all.push_back(tokenizer->encode(text));
      }
    }
    return all;
  };
  const auto expected = encode_all();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(encode_all() == expected); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Bytes, AreTheirOwnIds) {
  const auto tokenizer = load_tokenizer("bytes");
  EXPECT_EQ(tokenizer->vocab_size(), 260);
  EXPECT_EQ(tokenizer->encode(std::string("a\0\xFF", 3)), (std::vector<TokenId>{97, 0, 255}));
  EXPECT_EQ(tokenizer->special("<|endoftext|>"), 256);
  EXPECT_EQ(tokenizer->special("<think>"), 257);
  EXPECT_EQ(tokenizer->special("</think>"), 258);
  EXPECT_EQ(tokenizer->special("<|pad|>"), 259);
  EXPECT_FALSE(tokenizer->special("<|im_end|>"));
}

TEST(PrefixBytes, IsTheLongestThatFits) {
  Random random(8);
  for (const auto& tokenizer : tokenizers_here()) {
    for (int round = 0; round < 60; ++round) {
      const std::string text = random_bytes(random, random.below(60));
      const auto limit = static_cast<std::int64_t>(1 + random.below(24));
      std::size_t longest = 0;
      for (std::size_t end = 0; end <= text.size(); ++end) {
        const bool cuts =
            end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80;
        if (!cuts && tokenizer->count(text.substr(0, end)) <= limit) {
          longest = end;
        }
      }
      const std::size_t found = tokenizer->prefix_bytes(text, limit);
      EXPECT_LE(tokenizer->count(text.substr(0, found)), limit);
      EXPECT_GE(found, longest) << "limit " << limit << " of " << text;
    }
    EXPECT_EQ(tokenizer->prefix_bytes("anything", 0), 0U);
    EXPECT_EQ(tokenizer->prefix_bytes("", 5), 0U);
    EXPECT_EQ(tokenizer->prefix_bytes("all of it", 1000), 9U);
  }
}

TEST(SentenceCut, EndsWhereASentenceEnds) {
  const auto cut = [](std::string_view text, std::size_t bytes) {
    return std::string(text.substr(0, sentence_cut(text, bytes)));
  };
  EXPECT_EQ(cut("Short.", 100), "Short.");
  EXPECT_EQ(cut("One two. Three four. Five six.", 25), "One two. Three four.");
  EXPECT_EQ(cut("He said \"no.\" Then he left the room.", 20), "He said \"no.\"");
  EXPECT_EQ(cut("Costs 3.14 in all, e.g. this one here", 26), "Costs 3.14 in all, e.g.");
  EXPECT_EQ(cut("A title\n\nthen words without end", 13), "A title");
  EXPECT_EQ(cut("no sentence end in this text", 15), "no sentence end");
  EXPECT_EQ(cut(std::string(100, 'x'), 30), std::string(30, 'x'));
  // A sentence that ends too early would throw most of the text away.
  EXPECT_EQ(cut("No. " + std::string(10, 'a') + " " + std::string(100, 'b'), 60).size(), 60U);
  const std::string chinese = "\xE4\xBD\xA0\xE3\x80\x82\xE5\xA5\xBD\xE5\xA5\xBD";
  EXPECT_EQ(cut(chinese, 10), "\xE4\xBD\xA0\xE3\x80\x82");
  for (std::size_t bytes = 0; bytes <= chinese.size(); ++bytes) {
    EXPECT_EQ(sentence_cut(chinese, bytes) % 3, 0U);
    EXPECT_LE(sentence_cut(chinese, bytes), bytes);
  }
  EXPECT_EQ(sentence_cut("abc", 0), 0U);
}

}  // namespace
}  // namespace tpt::tokenize
