#include "augment/prompt.h"

#include "augment/chunks.h"
#include "augment/request.h"
#include "augment/scenario.h"
#include "base/digest.h"
#include "base/error.h"
#include "storage/atomic_file.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace tpt::augment {
namespace {

TEST(Prompt, OfThePaperIsBuiltIn) {
  const Prompt prompt = load_prompt("tpt");
  EXPECT_EQ(prompt.render("Water boils at 100 degrees.", 1),
            "Water boils at 100 degrees.\n## End of the context\nSimulate an expert's in-depth "
            "thought process as they analyze the above context, focusing on complex and "
            "informative aspects. Skip trivial details. Use Feynman technique whenever possible "
            "to ensure a deep understanding.");
  const std::string file = storage::read_file(TPT_SOURCE_DIR "/prompts/tpt.txt");
  EXPECT_EQ(prompt.sha256(), sha256_hex(file.substr(0, file.size() - 1)));
}

TEST(Prompt, TakesTextAsText) {
  const Prompt prompt("<{{CONTEXT}}>\n<{{CONTEXT}}>", "test");
  EXPECT_EQ(prompt.render("{{CONTEXT}} </think> <|im_end|>", 1),
            "<{{CONTEXT}} </think> <|im_end|>>\n<{{CONTEXT}} </think> <|im_end|>>");
  EXPECT_EQ(prompt.render("", 1), "<>\n<>");
  const std::string hostile("a\0b\xff\xc3", 5);
  EXPECT_EQ(prompt.render(hostile, 1), "<" + hostile + ">\n<" + hostile + ">");
}

TEST(Prompt, NamesTheTextAndTheIdAsFields) {
  const Prompt prompt("{{id}} {{ID}} says {{text}} {{TEXT}}", "test");
  EXPECT_EQ(prompt.render({.context = "so", .id = "a", .before = {}}), "a a says so so");
  // A field of that name goes first: the text may stand in another column.
  EXPECT_EQ(
      prompt.render(
          {.context = "so", .id = "a", .before = {}, .metadata = R"({"id": 7, "text": "else"})"}),
      "7 7 says else else");
}

TEST(Prompt, LeavesOutTheFilesLastLineEnd) {
  EXPECT_EQ(Prompt("{{CONTEXT}}!\n", "test").text(), "{{CONTEXT}}!");
  EXPECT_EQ(Prompt("{{CONTEXT}}!\r\n", "test").text(), "{{CONTEXT}}!");
  EXPECT_EQ(Prompt("{{CONTEXT}}!\n\n", "test").text(), "{{CONTEXT}}!\n");
}

TEST(Prompt, RandomFocusMarksAWordByItsSeed) {
  const Prompt prompt = load_prompt("random_focus");
  const std::string marker = "<<<READING HERE>>> ";
  const std::string context = "one two three four five six seven eight nine ten";
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string text = prompt.render(context, seed);
    EXPECT_EQ(text, prompt.render(context, seed));
    std::string shown = text.substr(0, text.find("\n## End of the context"));
    const std::size_t at = shown.find(marker);
    ASSERT_NE(at, std::string::npos);
    EXPECT_TRUE(at == 0 || shown[at - 1] == ' ' || at == context.size()) << shown;
    seen.insert(shown);
    EXPECT_EQ(shown.erase(at, marker.size()), context);
  }
  EXPECT_EQ(seen.size(), 11U);  // before each word, and at the end
}

TEST(Prompt, RandomFocusNeverCutsACodePoint) {
  const Prompt prompt("{{CONTEXT}} <<<READING HERE>>>", "test");
  std::string context;
  for (int i = 0; i < 100; ++i) {
    context += "\u6c34";
  }
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    EXPECT_EQ(prompt.render(context, seed).find("<<<") % 3, 0U);
  }
  EXPECT_EQ(prompt.render("", 1), "<<<READING HERE>>>  <<<READING HERE>>>");
}

TEST(Prompt, MayBeAFileOfOnesOwn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "mine.txt";
  storage::write_file_atomically(path, "Read {{CONTEXT}} and think.\n");
  EXPECT_EQ(load_prompt(path.string()).render("this", 0), "Read this and think.");
  storage::write_file_atomically(path, "Think.");
  EXPECT_THROW(load_prompt(path.string()), Error);
  try {
    load_prompt("ttp");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_NE(std::string(error.what()).find("got ttp, allowed: back_thinking, first_principles, "),
              std::string::npos)
        << error.what();
  }
}

TEST(Context, EndsWithASentence) {
  const engine::ByteCounter bytes;
  const std::string text = "First sentence. Second sentence. Third sentence.";
  EXPECT_EQ(context_bytes(text, 1000, bytes), text.size());
  EXPECT_EQ(text.substr(0, context_bytes(text, 40, bytes)), "First sentence. Second sentence.");
  EXPECT_EQ(context_bytes("", 10, bytes), 0U);
}

// Says that it was asked for no more than a beginning.
class CountingCounter : public engine::ByteCounter {
 public:
  std::size_t prefix_bytes(std::string_view text, std::int64_t max_tokens) const override {
    most_ = std::max(most_, text.size());
    return ByteCounter::prefix_bytes(text, max_tokens);
  }
  mutable std::size_t most_ = 0;
};

TEST(Context, TokenisesOnlyTheBeginning) {
  const CountingCounter counter;
  const std::string text(50'000'000, 'x');
  EXPECT_EQ(context_bytes(text, 2048, counter), 2048U);
  EXPECT_LE(counter.most_, 2048U * 16);
  const std::string broken(100'000, '\x80');
  EXPECT_LE(context_bytes(broken, 100, counter), 100U);
}

TEST(Request, HashCoversWhatDecidesTheAnswer) {
  engine::FakeEngine engine;
  engine::FakeConfig other_name;
  other_name.name = "other";
  engine::FakeEngine other(other_name);
  const Document document{.id = "d", .text = "Some text.", .source = "s", .metadata = "{}"};
  const Prompt prompt = load_prompt("tpt");
  const auto hash = [&](const Config& config) {
    return make_request(config, prompt, whole(document), engine).hash;
  };
  std::set<std::string> hashes = {hash({})};
  EXPECT_EQ(hash({}), *hashes.begin());
  const auto differs = [&](auto change) {
    Config config;
    change(config);
    EXPECT_TRUE(hashes.insert(hash(config)).second);
  };
  differs([](Config& c) { c.temperature = 0.5; });
  differs([](Config& c) { c.top_p = 0.5; });
  differs([](Config& c) { c.top_k = 5; });
  differs([](Config& c) { c.max_thinking_tokens = 5; });
  differs([](Config& c) { c.seed = 5; });
  differs([](Config& c) { c.chat = false; });
  differs([](Config& c) { c.think_start = ""; });
  differs([](Config& c) { c.think_end = "</thinking>"; });
  differs([](Config& c) { c.context_tokens = 4; });
  hashes.insert(make_request({}, prompt, whole(document), other).hash);
  hashes.insert(make_request({}, load_prompt("random_focus"), whole(document), engine).hash);
  Document longer = document;
  longer.text += " More.";
  hashes.insert(make_request({}, prompt, whole(longer), engine).hash);
  Piece piece = whole(document);
  piece.rollout = 1;
  hashes.insert(make_request({}, prompt, piece, engine).hash);
  piece = whole(document);
  piece.chunk = 1;
  piece.chunks = 2;
  hashes.insert(make_request({}, prompt, piece, engine).hash);
  EXPECT_EQ(hashes.size(), 15U);
  Document renamed = document;
  renamed.metadata = "{\"a\":1}";
  EXPECT_EQ(make_request({}, prompt, whole(renamed), engine).hash, hash({}));
}

}  // namespace
}  // namespace tpt::augment
