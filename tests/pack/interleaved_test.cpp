#include "base/error.h"
#include "pack/row_runs.h"
#include "shards.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace tpt::pack {
namespace {

using testing::ElementsAre;

AugmentedDocument piece(std::string id, std::int64_t chunk, std::string text, std::string thinking,
                        std::int64_t rollout = 0) {
  AugmentedDocument row = row_of(std::move(id), std::move(text), std::move(thinking));
  row.chunk = chunk;
  row.chunks = 9;
  row.trajectory.rollout = rollout;
  return row;
}

// Each sample as "[kind:text]...", in the order of the rows.
std::vector<std::string> samples_of(const ComposerConfig& config,
                                    const std::vector<AugmentedDocument>& rows,
                                    std::vector<std::string>* dropped = nullptr) {
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  const Composer composer(config, *tokenizer);
  VectorSource<AugmentedDocument> source(rows);
  RowRuns runs(config, source);
  std::vector<std::string> samples;
  for (RowRun run; runs.next(run);) {
    DropReason reason;
    const auto sample = composer.compose(run, reason);
    if (!sample) {
      if (dropped != nullptr) dropped->push_back(reason);
      continue;
    }
    std::string text;
    for (const Segment& segment : sample->segments) {
      text += segment.kind == Kind::document ? segment.text : "{" + segment.text + "}";
    }
    samples.push_back(text);
  }
  return samples;
}

TEST(Interleaved, JoinsTheChunksOfADocumentAndNothingOverAGap) {
  ComposerConfig config;
  config.format = Format::interleaved;
  EXPECT_THAT(samples_of(config, {piece("a", 0, "A0.", "x"), piece("a", 1, " A1.", "y"),
                                  piece("a", 3, " A3.", "z"), piece("b", 4, "B4.", "u"),
                                  piece("b", 0, "B0.", "v", 1), piece("b", 1, " \n", "w", 1)}),
              ElementsAre("A0.{<think>}{x}{</think>} A1.{<think>}{y}{</think>}",
                          " A3.{<think>}{z}{</think>}", "B4.{<think>}{u}{</think>}",
                          "B0.{<think>}{v}{</think>} \n{<think>}{w}{</think>}"));
  EXPECT_TRUE(samples_of(config, {}).empty());
}

TEST(Interleaved, ARowWithoutThinkingIsAGap) {
  ComposerConfig config;
  config.format = Format::interleaved;
  std::vector<AugmentedDocument> rows = {piece("a", 0, "0.", "x"), piece("a", 1, "1.", ""),
                                         piece("a", 2, "2.", "z"), piece("a", 3, "3.", "cut")};
  rows[3].trajectory.finish = Finish::length;
  config.at_cap = AtCap::drop;
  std::vector<std::string> dropped;
  EXPECT_THAT(samples_of(config, rows, &dropped),
              ElementsAre("0.{<think>}{x}{</think>}", "2.{<think>}{z}{</think>}"));
  EXPECT_THAT(dropped, ElementsAre("no thinking", "thinking hit the cap"));
  config.missing_thinking = MissingThinking::document;
  config.at_cap = AtCap::keep;
  EXPECT_THAT(samples_of(config, rows),
              ElementsAre("0.{<think>}{x}{</think>}1.2.{<think>}{z}{</think>}3.{<think>}{cut}"
                          "{</think>}"));
}

TEST(Interleaved, KeepsTheDocumentsBytes) {
  const std::vector<std::string> texts = {"caf\u00e9 <|endoftext|>", "\r\n\r\n\u6c34", "</think> x",
                                          "\xff\x80"};
  std::vector<AugmentedDocument> rows;
  std::string whole;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    rows.push_back(piece("d", static_cast<std::int64_t>(i), texts[i], "t"));
    whole += texts[i];
  }
  ComposerConfig config;
  config.format = Format::interleaved;
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  const Composer composer(config, *tokenizer);
  DropReason reason;
  EXPECT_EQ(text_of(composer.tokenize(*composer.compose(rows, reason)), Kind::document), whole);
}

TEST(Interleaved, PacksAndCountsRows) {
  const TemporaryFolder folder;
  Config config;
  config.format = Format::interleaved;
  const Counts counts = pack_rows(config,
                                  {piece("a", 0, "A0.", "x"), piece("a", 1, "A1.", "y"),
                                   piece("b", 0, "B0.", ""), piece("c", 0, "C0.", "z")},
                                  folder.path());
  EXPECT_EQ(counts.rows, 4);
  EXPECT_EQ(counts.samples, 2);
  EXPECT_EQ(counts.dropped.at("no thinking"), 1);
  EXPECT_EQ(counts.document, 9);
  EXPECT_EQ(counts.thinking, 3);
  config.shuffle_thinking = true;
  EXPECT_THROW(pack_rows(config, {}, folder.path()), Error);
}

TEST(Interleaved, RephraseStandsWithoutTags) {
  ComposerConfig config;
  config.format = Format::rephrase;
  config.separator = "\n\n";
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  const Composer composer(config, *tokenizer);
  DropReason reason;
  const auto sample = composer.compose(row_of("d", "text", "said better"), reason);
  EXPECT_EQ(sample->segments, (std::vector<Segment>{{Kind::document, "text"},
                                                    {Kind::special, "\n\n"},
                                                    {Kind::thinking, "said better"}}));
}

}  // namespace
}  // namespace tpt::pack
