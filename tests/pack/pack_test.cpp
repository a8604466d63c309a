#include "base/error.h"
#include "pack/order.h"
#include "shards.h"

#include <algorithm>
#include <map>
#include <set>

namespace tpt::pack {
namespace {

const std::vector<std::string> kFiles = {"tpt_text_document.bin",   "tpt_text_document.idx",
                                         "tpt_text_document.spans", "tpt_text_document.names",
                                         "tokenizer.json",          "shard.json"};

std::int64_t sum_of_kinds(const Counts& counts) {
  return counts.document + counts.thinking + counts.special + counts.prompt + counts.answer;
}

TEST(Packing, GivesBackEverySampleOnce) {
  const TemporaryFolder folder;
  const auto rows = some_rows(500);
  const Counts counts = pack_rows({}, rows, folder.path());
  EXPECT_EQ(counts.rows, 500);
  EXPECT_EQ(counts.samples, 500);
  EXPECT_TRUE(counts.dropped.empty());
  const ShardReader shards(folder.path());
  ASSERT_EQ(shards.sequences(), 500);
  EXPECT_EQ(shards.vocab_size(), 260);
  EXPECT_EQ(shards.end_of_text(), 256);
  EXPECT_EQ(shards.padding(), 259);
  std::map<std::string, std::string> thinking_of;
  bool moved = false;
  for (const TokenSequence& sequence : all_sequences(shards)) {
    moved = moved || text_of(sequence, Kind::document) != rows[thinking_of.size()].document.text;
    thinking_of[text_of(sequence, Kind::document)] = text_of(sequence, Kind::thinking);
    EXPECT_EQ(sequence.ids.back(), 256);
  }
  EXPECT_TRUE(moved) << "the order of the corpus was kept";
  for (const AugmentedDocument& row : rows) {
    EXPECT_EQ(thinking_of[row.document.text], row.trajectory.text);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 6)
      << "the spool, or something else, was left behind";
}

TEST(Packing, AccountsForEveryToken) {
  const TemporaryFolder folder;
  auto rows = some_rows(40);
  rows[3].document.text = "";
  rows[7].trajectory.text = "";
  rows[9].trajectory.finish = Finish::length;
  rows[11].document.text = std::string(5000, 'x');
  Config config;
  config.at_cap = AtCap::drop;
  config.max_sample_tokens = 2000;
  const Counts counts = pack_rows(config, rows, folder.path());
  EXPECT_EQ(counts.rows, 40);
  EXPECT_EQ(counts.samples, 36);
  const std::map<std::string, std::int64_t> dropped = {{"empty document", 1},
                                                       {"longer than max_sample_tokens", 1},
                                                       {"no thinking", 1},
                                                       {"thinking hit the cap", 1}};
  EXPECT_EQ(counts.dropped, dropped);
  EXPECT_EQ(sum_of_kinds(counts), counts.total);
  EXPECT_EQ(std::filesystem::file_size(folder / "tpt_text_document.bin"),
            static_cast<std::uintmax_t>(counts.total) * 2);
  std::map<Kind, std::int64_t> by_kind;
  for (const TokenSequence& sequence : all_sequences(ShardReader(folder.path()))) {
    for (const Span& span : sequence.spans) {
      by_kind[span.kind] += span.tokens;
    }
  }
  EXPECT_EQ(by_kind[Kind::document], counts.document);
  EXPECT_EQ(by_kind[Kind::thinking], counts.thinking);
  EXPECT_EQ(by_kind[Kind::special], counts.special);
  EXPECT_EQ(ShardReader(folder.path()).info()["counts"], to_json(counts));
}

TEST(Packing, EverySequenceKeepsTheIdOfItsDocument) {
  const TemporaryFolder folder;
  auto rows = some_rows(50);
  rows[4].document.id = "";
  rows[5].document.id = std::string("a\0\n\xff", 4);
  rows[6].document.id = std::string(100'000, 'n');
  Config config;
  config.shuffle_thinking = true;
  pack_rows(config, rows, folder.path());
  std::map<std::string, std::string> id_of;
  for (const AugmentedDocument& row : rows) id_of[row.document.text] = row.document.id;
  const ShardReader shards(folder.path());
  ASSERT_EQ(shards.sequences(), 50);
  for (std::int64_t i = 0; i < shards.sequences(); ++i) {
    EXPECT_EQ(shards.name(i), id_of[text_of(shards.sequence(i), Kind::document)]);
  }
}

TEST(Packing, ShardsWithoutNamesAreReadAndDamagedNamesRefused) {
  const TemporaryFolder folder;
  pack_rows(Config(), some_rows(5), folder.path());
  const std::filesystem::path file = folder / "tpt_text_document.names";
  const std::string whole = slurp(file);
  const auto refused = [&](const std::string& bytes) {
    spit(file, bytes);
    try {
      const ShardReader shards(folder.path());
      for (std::int64_t i = 0; i < 5; ++i) shards.name(i);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::data &&
             std::string(error.what()).find(".names") != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refused(""));
  for (std::size_t cut = 1; cut < whole.size(); cut += 3) {
    EXPECT_TRUE(refused(whole.substr(0, cut))) << cut;
  }
  for (std::size_t byte = 0; byte < 24 + 8 * 6; ++byte) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 0x80);
    EXPECT_TRUE(refused(damaged)) << byte;
  }
  std::filesystem::remove(file);
  EXPECT_EQ(ShardReader(folder.path()).name(0), "");
}

TEST(Packing, GivesTheSameBytesForAnyNumberOfThreads) {
  const auto rows = some_rows(3000);
  std::vector<std::string> first;
  for (const bool shuffle_thinking : {false, true}) {
    first.clear();
    for (const std::int64_t threads : {1, 2, 3, 8}) {
      const TemporaryFolder folder;
      Config config;
      config.threads = threads;
      config.shuffle_thinking = shuffle_thinking;
      pack_rows(config, rows, folder.path());
      std::vector<std::string> bytes;
      for (const std::string& name : kFiles) {
        bytes.push_back(slurp(folder / name));
      }
      first = first.empty() ? bytes : first;
      EXPECT_TRUE(bytes == first) << threads << " threads";
    }
  }
}

TEST(Packing, OrderComesFromTheSeed) {
  const TemporaryFolder one;
  const TemporaryFolder two;
  const TemporaryFolder kept;
  Config config;
  pack_rows(config, some_rows(100), one.path());
  config.seed = 2;
  pack_rows(config, some_rows(100), two.path());
  config.shuffle = false;
  pack_rows(config, some_rows(100), kept.path());
  EXPECT_NE(slurp(one / kFiles[0]), slurp(two / kFiles[0]));
  const ShardReader shards(kept.path());
  for (std::int64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(text_of(shards.sequence(i), Kind::document),
              some_rows(100)[static_cast<std::size_t>(i)].document.text);
  }
}

TEST(ShuffledThinking, IsThatOfAnotherDocumentAndUsedOnce) {
  const TemporaryFolder folder;
  // Two rollouts of each document: the other rollout does not count as another document.
  auto rows = some_rows(100);
  for (std::size_t i = 0; i < rows.size(); i += 2) {
    rows[i + 1].document = rows[i].document;
  }
  Config config;
  config.shuffle_thinking = true;
  const Counts counts = pack_rows(config, rows, folder.path());
  EXPECT_TRUE(counts.thinking_shuffled);
  EXPECT_TRUE(to_json(counts)["thinking_shuffled"].get<bool>());
  std::multimap<std::string, std::string> own;
  for (const AugmentedDocument& row : rows) {
    own.emplace(row.document.text, row.trajectory.text);
  }
  std::set<std::string> used;
  for (const TokenSequence& sequence : all_sequences(ShardReader(folder.path()))) {
    const std::string thinking = text_of(sequence, Kind::thinking);
    EXPECT_TRUE(used.insert(thinking).second) << thinking << " was used twice";
    const auto [begin, end] = own.equal_range(text_of(sequence, Kind::document));
    EXPECT_EQ(std::distance(begin, end), 2);
    for (auto it = begin; it != end; ++it) {
      EXPECT_NE(it->second, thinking);
    }
  }
  EXPECT_EQ(used.size(), 100U);
  const TemporaryFolder plain;
  EXPECT_EQ(pack_rows({}, rows, plain.path()).total, counts.total);
}

TEST(ShuffledThinking, RefusesWhatCannotBe) {
  const TemporaryFolder folder;
  Config config;
  config.shuffle_thinking = true;
  EXPECT_THROW(pack_rows(config, some_rows(1), folder.path()), Error);
  config.format = Format::vanilla;
  EXPECT_THROW(pack_rows(config, some_rows(10), folder.path()), Error);
}

TEST(ShuffledThinking, RepairsWhateverTheCycleGives) {
  for (std::int64_t seed = 0; seed < 200; ++seed) {
    // One document with half of the rollouts: the hardest case that is still possible.
    const std::vector<std::uint64_t> items = {1, 1, 1, 1, 2, 3, 4, 5};
    const auto donors = derangement(items, seed);
    std::set<std::uint64_t> used(donors.begin(), donors.end());
    EXPECT_EQ(used.size(), items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      EXPECT_NE(items[i], items[donors[i]]);
    }
  }
}

TEST(Packing, WritesExamplesWithTheirKinds) {
  const TemporaryFolder folder;
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  VectorSource<Conversation> examples(
      {conversation_of("a", "1+1=", "2"), conversation_of("b", "2+2=", "")});
  NoProgress progress;
  const Counts counts = write_examples({}, *tokenizer, examples, folder.path(), progress, {});
  EXPECT_EQ(counts.prompt, 4);
  EXPECT_EQ(counts.answer, 2);
  EXPECT_EQ(counts.total, 6);
  EXPECT_EQ(counts.dropped.at("no completion"), 1);
}

TEST(Packing, TakesAnyInput) {
  const TemporaryFolder folder;
  const Counts none = pack_rows({}, {}, folder / "none");
  EXPECT_EQ(none.samples, 0);
  EXPECT_EQ(ShardReader(folder / "none").sequences(), 0);
  std::string large;
  while (large.size() < 10'000'000) {
    large += "<think> a </think> b <|endoftext|> ";
    large.push_back('\0');
    large += "\xFF\xC3";
  }
  const Counts counts = pack_rows({}, {row_of("large", large, "short")}, folder / "large");
  EXPECT_EQ(counts.document, static_cast<std::int64_t>(large.size()));
  EXPECT_EQ(text_of(ShardReader(folder / "large").sequence(0), Kind::document), large);
}

class BrokenSource : public Source<AugmentedDocument> {
 public:
  bool next(AugmentedDocument& row) override {
    if (++count_ > 2000) {
      data_error("part-00001.parquet: damaged");
    }
    row = row_of(std::to_string(count_), "text", "thinking");
    return true;
  }

 private:
  int count_ = 0;
};

TEST(Packing, LeavesNoShardWhereItFailsOrIsStopped) {
  const TemporaryFolder folder;
  const auto tokenizer = tokenize::load_tokenizer("bytes");
  pack_rows({}, some_rows(10), folder.path());
  NoProgress progress;
  BrokenSource broken;
  EXPECT_THROW(write_shards({}, *tokenizer, broken, folder.path(), progress, {}), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "shard.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "spool.partial"));
  std::stop_source stop;
  stop.request_stop();
  VectorSource<AugmentedDocument> rows(some_rows(10));
  EXPECT_THROW(write_shards({}, *tokenizer, rows, folder.path(), progress, stop.get_token()),
               Interrupted);
  EXPECT_FALSE(std::filesystem::exists(folder / "shard.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "spool.partial"));
}

TEST(Packing, DescribesEveryOption) {
  Config config;
  Fields fields("pack");
  describe(fields, config);
  fields.apply({{"format", "thinking_first"}, {"shuffle_thinking", true}, {"threads", 3}});
  EXPECT_EQ(config.format, Format::thinking_first);
  EXPECT_TRUE(config.shuffle_thinking);
  EXPECT_THROW(fields.apply({{"format", "other"}}), Error);
}

}  // namespace
}  // namespace tpt::pack
