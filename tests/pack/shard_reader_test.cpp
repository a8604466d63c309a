// Damaged shards, and shards of other tools.
#include "pack/shard_reader.h"

#include "base/error.h"
#include "base/random.h"
#include "shards.h"

namespace tpt::pack {
namespace {

const std::vector<std::string> kBinaries = {"tpt_text_document.bin", "tpt_text_document.idx",
                                            "tpt_text_document.spans"};

// Everything a caller could read. True where nothing was wrong.
bool reads_well(const std::filesystem::path& folder) {
  try {
    const ShardReader shards(folder);
    all_sequences(shards);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    return false;
  }
}

class DamagedShards : public testing::Test {
 protected:
  DamagedShards() {
    pack_rows({}, some_rows(20), folder_.path());
    for (const std::string& name : kBinaries) {
      bytes_.push_back(slurp(folder_ / name));
    }
  }
  void restore() {
    for (std::size_t i = 0; i < kBinaries.size(); ++i) {
      spit(folder_ / kBinaries[i], bytes_[i]);
    }
  }

  TemporaryFolder folder_;
  std::vector<std::string> bytes_;
};

TEST_F(DamagedShards, AreRefusedWhereverTheyAreCut) {
  ASSERT_TRUE(reads_well(folder_.path()));
  for (std::size_t file = 0; file < kBinaries.size(); ++file) {
    const std::size_t step = std::max<std::size_t>(1, bytes_[file].size() / 60);
    for (std::size_t size = 0; size < bytes_[file].size(); size += step) {
      spit(folder_ / kBinaries[file], bytes_[file].substr(0, size));
      EXPECT_FALSE(reads_well(folder_.path())) << kBinaries[file] << " cut to " << size;
    }
    spit(folder_ / kBinaries[file], bytes_[file] + "x");
    EXPECT_FALSE(reads_well(folder_.path()));
    restore();
  }
}

TEST_F(DamagedShards, NeverCrashWhereBitsFlip) {
  Random random(7);
  int noticed_in_index = 0;
  constexpr int kFlips = 400;
  for (int i = 0; i < kFlips; ++i) {
    const std::size_t file = random.below(kBinaries.size());
    std::string damaged = bytes_[file];
    const std::size_t bit = random.below(damaged.size() * 8);
    damaged[bit / 8] =
        static_cast<char>(static_cast<unsigned char>(damaged[bit / 8]) ^ (1U << (bit % 8)));
    spit(folder_ / kBinaries[file], damaged);
    const bool well = reads_well(folder_.path());
    if (file == 1) {
      // Interior document indices may change and still be in order; nothing else may.
      const std::size_t documents = 34 + 12 * 20;
      EXPECT_TRUE(!well || bit / 8 >= documents) << "bit " << bit;
      noticed_in_index += well ? 0 : 1;
    }
    restore();
  }
  EXPECT_GT(noticed_in_index, 50);
}

TEST_F(DamagedShards, AreNamedWhereAFileIsMissing) {
  for (const std::string& name : kBinaries) {
    std::filesystem::remove(folder_ / name);
    EXPECT_THROW(ShardReader(folder_.path()), Error) << name;
    restore();
  }
  EXPECT_THROW(ShardReader(folder_ / "absent"), Error);
  // A killed run leaves a folder without its last file.
  std::filesystem::remove(folder_ / "shard.json");
  EXPECT_FALSE(reads_well(folder_.path()));
}

TEST_F(DamagedShards, OfOtherToolsReadAsDocuments) {
  const ShardReader ours(folder_.path());
  const TemporaryFolder other;
  spit(other / "corpus_text_document.bin", bytes_[0]);
  spit(other / "corpus_text_document.idx", bytes_[1]);
  const ShardReader shards(other / "corpus_text_document");
  EXPECT_FALSE(shards.has_spans());
  EXPECT_EQ(shards.vocab_size(), 0);
  EXPECT_FALSE(shards.end_of_text());
  for (std::int64_t i = 0; i < shards.sequences(); ++i) {
    EXPECT_EQ(shards.sequence(i).ids, ours.sequence(i).ids);
    EXPECT_EQ(shards.sequence(i).spans.size(), 1U);
  }
}

TEST_F(DamagedShards, GiveAnyPartOfASequence) {
  const ShardReader shards(folder_.path());
  const TokenSequence whole = shards.sequence(3);
  const auto length = static_cast<std::int64_t>(whole.ids.size());
  ASSERT_EQ(shards.length(3), length);
  std::vector<Kind> kinds;
  for (const Span& span : whole.spans) {
    kinds.insert(kinds.end(), static_cast<std::size_t>(span.tokens), span.kind);
  }
  for (std::int64_t from = 0; from <= length; ++from) {
    for (std::int64_t count = 0; from + count <= length; ++count) {
      std::vector<TokenId> ids;
      std::vector<Kind> read_kinds;
      shards.read(3, from, count, ids, read_kinds);
      ASSERT_TRUE(std::equal(ids.begin(), ids.end(), whole.ids.begin() + from));
      ASSERT_TRUE(std::equal(read_kinds.begin(), read_kinds.end(), kinds.begin() + from));
      ASSERT_EQ(ids.size(), static_cast<std::size_t>(count));
      ASSERT_EQ(read_kinds.size(), ids.size());
    }
  }
}

}  // namespace
}  // namespace tpt::pack
