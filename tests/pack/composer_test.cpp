#include "base/error.h"
#include "shards.h"

#include <algorithm>

namespace tpt::pack {
namespace {

class Composing : public testing::Test {
 protected:
  std::string packed(const ComposerConfig& config, const AugmentedDocument& row) {
    DropReason reason;
    const Composer composer(config, *bytes_);
    const auto sample = composer.compose(row, reason);
    if (!sample) {
      return "dropped: " + reason;
    }
    const TokenSequence sequence = composer.tokenize(*sample);
    std::string text;
    std::size_t at = 0;
    for (const Span& span : sequence.spans) {
      const auto tokens = static_cast<std::size_t>(span.tokens);
      text += fmt::format("[{}:{}]", kind_name(span.kind),
                          bytes_->decode(std::span(sequence.ids).subspan(at, tokens)));
      at += tokens;
    }
    EXPECT_EQ(at, sequence.ids.size());
    return text;
  }

  std::unique_ptr<tokenize::Tokenizer> bytes_ = tokenize::load_tokenizer("bytes");
  AugmentedDocument row_ = row_of("d", "text", "why");
};

TEST_F(Composing, PutsTheThinkingWhereTheFormatSays) {
  ComposerConfig config;
  EXPECT_EQ(packed(config, row_),
            "[document:text][special:<think>][thinking:why][special:</think><|endoftext|>]");
  config.format = Format::vanilla;
  EXPECT_EQ(packed(config, row_), "[document:text][special:<|endoftext|>]");
  config.format = Format::thinking_first;
  EXPECT_EQ(packed(config, row_),
            "[special:<think>][thinking:why][special:</think>][document:text]"
            "[special:<|endoftext|>]");
}

TEST_F(Composing, WritesSeparatorsAndTagsAsAsked) {
  ComposerConfig config;
  config.separator = "\n\n";
  config.inner_separator = "\n";
  config.begin_of_text = "<|pad|>";
  EXPECT_EQ(packed(config, row_),
            "[special:<|pad|>][document:text][special:\n\n<think>\n][thinking:why]"
            "[special:\n</think><|endoftext|>]");
  const Composer special({}, *bytes_);
  EXPECT_TRUE(special.tags_are_special());
  config = {};
  config.tags = Tags::text;
  const Composer text(config, *bytes_);
  EXPECT_FALSE(text.tags_are_special());
  DropReason reason;
  // Seven and eight bytes instead of one id each.
  EXPECT_EQ(text.tokenize(*text.compose(row_, reason)).ids.size(),
            special.tokenize(*special.compose(row_, reason)).ids.size() + 13);
}

TEST_F(Composing, NamesWhyARowIsDropped) {
  ComposerConfig config;
  EXPECT_EQ(packed(config, row_of("d", "", "why")), "dropped: empty document");
  EXPECT_EQ(packed(config, row_of("d", " \n", "why")), "dropped: empty document");
  EXPECT_EQ(packed(config, row_of("d", "text", "")), "dropped: no thinking");
  config.missing_thinking = MissingThinking::document;
  EXPECT_EQ(packed(config, row_of("d", "text", "")), "[document:text][special:<|endoftext|>]");
  config.at_cap = AtCap::drop;
  row_.trajectory.finish = Finish::length;
  EXPECT_EQ(packed(config, row_), "dropped: thinking hit the cap");
  config.format = Format::vanilla;
  EXPECT_EQ(packed(config, row_), "[document:text][special:<|endoftext|>]");
}

TEST_F(Composing, KeepsNamesOfSpecialTokensInTextAsText) {
  const AugmentedDocument hostile =
      row_of("d", "a<|endoftext|>b<think>c</think><|pad|>", "x</think><|endoftext|>y");
  const Composer composer({}, *bytes_);
  DropReason reason;
  const TokenSequence sequence = composer.tokenize(*composer.compose(hostile, reason));
  const auto specials =
      std::count_if(sequence.ids.begin(), sequence.ids.end(), [](TokenId id) { return id >= 256; });
  EXPECT_EQ(specials, 3);
  EXPECT_EQ(sequence.ids.back(), composer.end_of_text());
  EXPECT_EQ(text_of(sequence, Kind::document), hostile.document.text);
  EXPECT_EQ(text_of(sequence, Kind::thinking), hostile.trajectory.text);
}

TEST_F(Composing, TeachesAnExampleItsEnd) {
  const Composer composer({}, *bytes_);
  DropReason reason;
  const auto sample = composer.compose(conversation_of("q", "1+1=", "1+1=2 so 2"), reason);
  const TokenSequence sequence = composer.tokenize(*sample);
  EXPECT_EQ(text_of(sequence, Kind::prompt), "1+1=");
  EXPECT_EQ(text_of(sequence, Kind::answer), "1+1=2 so 2<|endoftext|>");
  EXPECT_FALSE(composer.compose(conversation_of("q", "1+1=", ""), reason));
  EXPECT_EQ(reason, "no completion");
}

TEST_F(Composing, RefusesSpecialTokensThatAreNotThere) {
  ComposerConfig config;
  config.end_of_text = "<|im_end|>";
  EXPECT_THROW(Composer(config, *bytes_), Error);
  config.end_of_text = "<|pad|>";
  EXPECT_EQ(Composer(config, *bytes_).end_of_text(), 259);
}

}  // namespace
}  // namespace tpt::pack
