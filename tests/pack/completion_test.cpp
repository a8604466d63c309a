// Fine-tuning must teach the very tags that pre-training wrote.
#include "base/error.h"
#include "pack/composer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tpt::pack {
namespace {

TokenSequence tokens_of(const Composer& composer, const std::string& prompt,
                        const std::string& completion) {
  std::string reason;
  const auto sample = composer.compose(conversation_of("q", prompt, completion), reason);
  EXPECT_TRUE(sample) << reason;
  return composer.tokenize(*sample);
}

TEST(Completion, ItsTagsAreTheTagsOfDocuments) {
  const auto bytes = tokenize::load_tokenizer("bytes");
  const Composer composer({}, *bytes);
  const TokenId open = *bytes->special("<think>");
  const TokenId close = *bytes->special("</think>");
  const TokenId end = composer.end_of_text();
  const auto sequence = tokens_of(composer, "1+1=?\n", "<think>a</think>2");
  EXPECT_EQ(sequence.ids,
            (std::vector<TokenId>{'1', '+', '1', '=', '?', '\n', open, 'a', close, '2', end}));
  EXPECT_EQ(sequence.spans, (std::vector<Span>{{Kind::prompt, 6}, {Kind::answer, 5}}));
  // The document's side of the same.
  AugmentedDocument row;
  row.document.text = "1+1=2.";
  row.trajectory.text = "a";
  std::string reason;
  const auto document = composer.tokenize(*composer.compose(row, reason));
  EXPECT_EQ(document.ids[6], open);
  EXPECT_EQ(document.ids[8], close);
}

TEST(Completion, ItsTextIsCutAtNothingElse) {
  const auto bytes = tokenize::load_tokenizer("bytes");
  const Composer composer({}, *bytes);
  const TokenId open = *bytes->special("<think>");
  const TokenId close = *bytes->special("</think>");
  const TokenId end = composer.end_of_text();
  EXPECT_EQ(tokens_of(composer, "p", "</think><think><think>").ids,
            (std::vector<TokenId>{'p', close, open, open, end}));
  EXPECT_EQ(tokens_of(composer, "p", "<think").ids,
            (std::vector<TokenId>{'p', '<', 't', 'h', 'i', 'n', 'k', end}));
  const std::string special_name = "<|endoftext|>";
  EXPECT_EQ(tokens_of(composer, "p", special_name).ids.size(), 1 + special_name.size() + 1)
      << "only the tags are special";
}

TEST(Completion, PromptsAndDocumentsKeepTheTagsAsText) {
  const auto bytes = tokenize::load_tokenizer("bytes");
  const Composer composer({}, *bytes);
  const TokenId open = *bytes->special("<think>");
  EXPECT_THAT(tokens_of(composer, "<think>", "x").ids, testing::Not(testing::Contains(open)));
  ComposerConfig config;
  config.tags = Tags::text;
  const Composer as_text(config, *bytes);
  EXPECT_THAT(tokens_of(as_text, "p", "<think>x</think>").ids,
              testing::Not(testing::Contains(open)));
}

}  // namespace
}  // namespace tpt::pack
