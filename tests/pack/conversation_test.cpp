// The turns of a conversation against the chat templates of transformers, and which of their tokens
// are taught.
#include "base/error.h"
#include "base/json.h"
#include "shards.h"

#include <algorithm>

namespace tpt::pack {
namespace {

const Conversation kTwoTurns = {"c",
                                {{"system", "Be brief."},
                                 {"user", "What is 7-3?"},
                                 {"assistant", "<think>7-3=4</think>4"},
                                 {"user", "Plus <|im_end|> one?"},
                                 {"assistant", "5"}}};

TokenSequence tokens_of(Chat chat, const tokenize::Tokenizer& tokenizer,
                        const Conversation& example) {
  ComposerConfig config;
  config.chat = chat;
  const Composer composer(config, tokenizer);
  DropReason reason;
  const auto sample = composer.compose(example, reason);
  EXPECT_TRUE(sample) << reason;
  return composer.tokenize(*sample);
}

std::string marked(const tokenize::Tokenizer& tokenizer, const TokenSequence& sequence) {
  std::string text;
  std::size_t at = 0;
  for (const Span& span : sequence.spans) {
    const auto tokens = static_cast<std::size_t>(span.tokens);
    text += fmt::format("[{}:{}]", kind_name(span.kind),
                        tokenizer.decode(std::span(sequence.ids).subspan(at, tokens)));
    at += tokens;
  }
  EXPECT_EQ(at, sequence.ids.size());
  return text;
}

TEST(Conversation, TeachesTheAssistantsTurnsAndTheirEnds) {
  const auto tokenizer = tokenize::load_tokenizer(TPT_SMOLLM2);
  const TokenSequence sequence = tokens_of(Chat::chatml, *tokenizer, kTwoTurns);
  EXPECT_EQ(marked(*tokenizer, sequence),
            "[prompt:<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nWhat is 7-3?<|im_end|>\n<|im_start|>assistant\n]"
            "[answer:<think>7-3=4</think>4<|im_end|>]"
            "[prompt:\n<|im_start|>user\nPlus <|im_end|> one?<|im_end|>\n<|im_start|>assistant\n]"
            "[answer:5<|im_end|>][special:<|endoftext|>]");
  const TokenId end = *tokenizer->special("<|im_end|>");
  EXPECT_EQ(std::count(sequence.ids.begin(), sequence.ids.end(), end), 5)
      << "a name inside a text is text";
}

TEST(Conversation, TeachesNoTurnThatSaysNothing) {
  const auto tokenizer = tokenize::load_tokenizer(TPT_SMOLLM2);
  const TokenSequence sequence =
      tokens_of(Chat::chatml, *tokenizer,
                {"c", {{"user", "a"}, {"assistant", ""}, {"user", "b"}, {"assistant", "c"}}});
  EXPECT_EQ(marked(*tokenizer, sequence),
            "[prompt:<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<|im_end|>\n"
            "<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n]"
            "[answer:c<|im_end|>][special:<|endoftext|>]");
}

TEST(Conversation, NamesWhyItIsDropped) {
  const auto tokenizer = tokenize::load_tokenizer(TPT_SMOLLM2);
  ComposerConfig config;
  config.chat = Chat::chatml;
  const Composer composer(config, *tokenizer);
  const auto reason_of = [&](std::vector<Message> messages) {
    DropReason reason;
    EXPECT_FALSE(composer.compose(Conversation{"c", std::move(messages)}, reason));
    return reason;
  };
  EXPECT_EQ(reason_of({}), "empty prompt");
  EXPECT_EQ(reason_of({{"assistant", "hello"}}), "empty prompt");
  EXPECT_EQ(reason_of({{"user", " \n"}, {"assistant", "hello"}}), "empty prompt");
  EXPECT_EQ(reason_of({{"user", "hello"}}), "no completion");
  EXPECT_EQ(reason_of({{"user", "hello"}, {"assistant", " "}}), "no completion");
  EXPECT_EQ(reason_of({{"user", "hello"}, {"assistant", "", false}, {"assistant", "hi"}}),
            "content is null");
}

TEST(Conversation, NeedsALayoutThatTheTokenizerHas) {
  const auto bytes = tokenize::load_tokenizer("bytes");
  ComposerConfig config;
  config.chat = Chat::chatml;
  EXPECT_THROW(Composer(config, *bytes), Error);
  const Composer plain({}, *bytes);
  DropReason reason;
  try {
    plain.compose(kTwoTurns, reason);
    FAIL() << "turns were run together";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_NE(std::string(error.what()).find("chatml"), std::string::npos) << error.what();
  }
}

std::string word_of(Chat chat) { return chat == Chat::chatml ? "chatml" : "llama3"; }

// With transformers' ids of the same turns, and the tokenizer it has them from.
class ConversationOracle : public testing::TestWithParam<Chat> {};

TEST_P(ConversationOracle, GivesTheTokensOfTheModelsOwnTemplate) {
  if (!std::filesystem::exists(TPT_PYTHON)) {
    GTEST_SKIP() << "no Python with transformers";
  }
  const TemporaryFolder folder;
  const std::string command =
      fmt::format("{} {}/tests/pack/chat_oracle.py {} {} {} 2>&1", TPT_PYTHON, TPT_SOURCE_DIR,
                  word_of(GetParam()), TPT_SMOLLM2, folder.path().string());
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto tokenizer = tokenize::load_tokenizer((folder / "tokenizer.json").string());
  const Json all = parse_json(slurp(folder / "conversations.json"), "the oracle's answer");
  ASSERT_GE(all.size(), 5U);
  for (const Json& one : all) {
    Conversation example{"c", {}};
    for (const Json& turn : one.at("messages")) {
      example.messages.push_back({turn.at("role"), turn.at("content")});
    }
    std::vector<TokenId> ids = tokens_of(GetParam(), *tokenizer, example).ids;
    ASSERT_FALSE(ids.empty());
    ids.pop_back();  // the end of text, which templates do not write
    EXPECT_EQ(ids, one.at("ids").get<std::vector<TokenId>>()) << one.at("messages").dump();
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, ConversationOracle, testing::Values(Chat::chatml, Chat::llama3),
                         [](const auto& chosen) { return word_of(chosen.param); });

}  // namespace
}  // namespace tpt::pack
