#include "pack/row_reader.h"

#include "base/error.h"
#include "shards.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace tpt::pack {
namespace {

class Rows : public testing::Test {
 protected:
  Rows() { pack_rows({}, some_rows(300), folder_.path()); }

  TemporaryFolder folder_;
};

// Each pair of neighbours in a sequence, with what the second is for: what training is to see.
using Pairs = std::multiset<std::tuple<TokenId, TokenId, Kind>>;

TEST_F(Rows, ConcatTrainsOnEveryTokenButTheTail) {
  const ShardReader shards(folder_.path());
  for (const std::int64_t seq_length : {1, 7, 64, 1000}) {
    const RowReader rows(shards, {seq_length, 5, RowPolicy::concat});
    std::vector<TokenId> stream;
    std::vector<Kind> kinds;
    std::size_t starts = 0;
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      const Row row = rows.row(i);
      ASSERT_EQ(row.ids.size(), static_cast<std::size_t>(seq_length) + 1);
      ASSERT_EQ(row.kinds.size(), row.ids.size());
      ASSERT_EQ(row.starts.front(), 0);
      if (i > 0) {
        EXPECT_EQ(row.ids.front(), stream.back());
      }
      for (const std::int32_t start : row.starts) {
        const auto at = static_cast<std::size_t>(start);
        EXPECT_TRUE(at == 0 || row.ids[at - 1] == shards.end_of_text());
        starts += at > 0 ? 1 : 0;
      }
      stream.insert(stream.end(), row.ids.begin() + (i > 0 ? 1 : 0), row.ids.end());
      kinds.insert(kinds.end(), row.kinds.begin() + (i > 0 ? 1 : 0), row.kinds.end());
    }
    EXPECT_EQ(static_cast<std::int64_t>(stream.size()), rows.counts().tokens);
    EXPECT_EQ(rows.counts().tokens + rows.counts().left_out, shards.tokens());
    EXPECT_LT(rows.counts().left_out, seq_length);
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), Kind::padding), 0);
    // The ends of text cut the stream into the sequences of the shard.
    std::multiset<std::vector<TokenId>> expected;
    for (const TokenSequence& sequence : all_sequences(shards)) {
      expected.insert(sequence.ids);
    }
    auto from = stream.begin();
    for (auto end = stream.begin(); end != stream.end(); ++end) {
      if (*end == shards.end_of_text()) {
        const auto found = expected.find(std::vector<TokenId>(from, end + 1));
        ASSERT_NE(found, expected.end());
        expected.erase(found);
        from = end + 1;
      }
    }
    if (seq_length == 1) {
      EXPECT_EQ(starts, 299U);
    }
  }
}

TEST_F(Rows, EpochsDifferAndRepeat) {
  const ShardReader shards(folder_.path());
  for (const RowPolicy policy : {RowPolicy::concat, RowPolicy::best_fit, RowPolicy::pad}) {
    const RowReader one(shards, {64, 1, policy});
    const RowReader again(shards, {64, 1, policy});
    const RowReader other(shards, {64, 2, policy});
    bool differs = false;
    for (std::int64_t i = one.rows() - 1; i >= 0; --i) {
      EXPECT_EQ(one.row(i), again.row(i));
      differs = differs || i >= other.rows() || !(one.row(i) == other.row(i));
    }
    EXPECT_TRUE(differs);
  }
}

TEST_F(Rows, BestFitKeepsSequencesWholeWhereTheyFit) {
  const ShardReader shards(folder_.path());
  for (const std::int64_t seq_length : {5, 100, 2000}) {
    const RowReader rows(shards, {seq_length, 3, RowPolicy::best_fit});
    Pairs seen;
    std::int64_t padding = 0;
    std::set<std::vector<TokenId>> whole;
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      const Row row = rows.row(i);
      const auto used = static_cast<std::size_t>(
          std::find(row.kinds.begin(), row.kinds.end(), Kind::padding) - row.kinds.begin());
      padding += static_cast<std::int64_t>(row.ids.size() - used);
      for (std::size_t s = 0; s < row.starts.size(); ++s) {
        const auto from = static_cast<std::size_t>(row.starts[s]);
        const auto to =
            s + 1 < row.starts.size() ? static_cast<std::size_t>(row.starts[s + 1]) : used;
        whole.emplace(row.ids.begin() + static_cast<std::ptrdiff_t>(from),
                      row.ids.begin() + static_cast<std::ptrdiff_t>(to));
        for (std::size_t at = from + 1; at < to; ++at) {
          seen.emplace(row.ids[at - 1], row.ids[at], row.kinds[at]);
        }
      }
    }
    Pairs expected;
    for (const TokenSequence& sequence : all_sequences(shards)) {
      std::vector<Kind> kinds;
      for (const Span& span : sequence.spans) {
        kinds.insert(kinds.end(), static_cast<std::size_t>(span.tokens), span.kind);
      }
      for (std::size_t at = 1; at < sequence.ids.size(); ++at) {
        expected.emplace(sequence.ids[at - 1], sequence.ids[at], kinds[at]);
      }
      if (static_cast<std::int64_t>(sequence.ids.size()) <= seq_length + 1) {
        EXPECT_TRUE(whole.contains(sequence.ids));
      }
    }
    EXPECT_TRUE(seen == expected) << seq_length << ": not every token is a target once";
    EXPECT_EQ(rows.counts().padding, padding);
    EXPECT_EQ(rows.counts().left_out, 0);
    EXPECT_EQ(rows.counts().tokens, shards.tokens());
  }
}

TEST_F(Rows, BestFitWastesLittle) {
  const ShardReader shards(folder_.path());
  const RowReader rows(shards, {511, 1, RowPolicy::best_fit});
  const double waste = static_cast<double>(rows.counts().padding) /
                       static_cast<double>(rows.counts().padding + rows.counts().tokens);
  EXPECT_LT(waste, 0.02);
}

TEST_F(Rows, PadGivesOneSequenceARow) {
  const ShardReader shards(folder_.path());
  const RowReader rows(shards, {99, 1, RowPolicy::pad});
  ASSERT_EQ(rows.rows(), shards.sequences());
  std::multiset<std::vector<TokenId>> expected;
  for (TokenSequence& sequence : all_sequences(shards)) {
    sequence.ids.resize(100, shards.padding());
    expected.insert(sequence.ids);
  }
  std::multiset<std::vector<TokenId>> seen;
  std::int64_t padding = 0;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    const Row row = rows.row(i);
    EXPECT_EQ(row.starts, std::vector<std::int32_t>{0});
    padding += std::count(row.kinds.begin(), row.kinds.end(), Kind::padding);
    seen.insert(row.ids);
  }
  EXPECT_TRUE(seen == expected);
  EXPECT_EQ(rows.counts().padding, padding);
  EXPECT_EQ(rows.counts().tokens + rows.counts().left_out, shards.tokens());
}

TEST(RowsOfLittle, AreRefusedWithAWord) {
  const TemporaryFolder folder;
  pack_rows({}, {}, folder / "none");
  pack_rows({}, {row_of("a", "ab", "c")}, folder / "one");
  const ShardReader none(folder / "none");
  const ShardReader one(folder / "one");  // 6 tokens
  for (const RowPolicy policy : {RowPolicy::concat, RowPolicy::best_fit, RowPolicy::pad}) {
    EXPECT_THROW(RowReader(none, {8, 1, policy}), Error);
    EXPECT_THROW(RowReader(one, {0, 1, policy}), Error);
  }
  EXPECT_THROW(RowReader(one, {6, 1, RowPolicy::concat}), Error);
  EXPECT_EQ(RowReader(one, {5, 1, RowPolicy::concat}).rows(), 1);
  EXPECT_EQ(RowReader(one, {6, 1, RowPolicy::pad}).rows(), 1);
}

}  // namespace
}  // namespace tpt::pack
