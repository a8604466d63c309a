#include "corpus/shard.h"

#include "base/error.h"
#include "base/random.h"
#include "corpus/reader.h"
#include "object_store.h"
#include "storage/parquet.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <cmath>
#include <fstream>

namespace tpt::corpus {
namespace {

namespace fs = std::filesystem;

struct Seen {
  std::vector<std::string> ids;
  std::vector<std::string> texts;
  std::string bad_items;
  std::int64_t bad = 0;
  bool operator==(const Seen&) const = default;
};

void add(const Config& config, const fs::path& folder, Shard shard, Seen& seen) {
  const fs::path bad_items = folder / "bad.jsonl";
  fs::remove(bad_items);
  Reader reader(config, bad_items, shard);
  for (Document document; reader.next(document);) {
    seen.ids.push_back(document.id);
    seen.texts.push_back(document.text + document.metadata);
  }
  seen.bad += reader.counts().bad_items;
  std::ifstream file(bad_items, std::ios::binary);
  seen.bad_items.append(std::istreambuf_iterator<char>(file), {});
}

Seen all_shards(const Config& config, const fs::path& folder, std::int64_t count) {
  Seen seen;
  for (std::int64_t i = 0; i < count; ++i) add(config, folder, {i, count}, seen);
  return seen;
}

Seen whole(const Config& config, const fs::path& folder) {
  Seen seen;
  add(config, folder, {}, seen);
  return seen;
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string gzipped(const std::string& bytes) {
  const TemporaryFolder folder;
  gzFile file = gzopen((folder / "x").c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  std::ifstream input(folder / "x", std::ios::binary);
  return {std::istreambuf_iterator<char>(input), {}};
}

std::string with_zstd(const std::string& bytes) {
  std::string out(ZSTD_compressBound(bytes.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 3));
  return out;
}

// Lines of all sorts: blank, bad, CRLF, empty at the end, without ids, long and short.
std::string lines(Random& random, const std::string& name, std::int64_t count) {
  std::string all = random.below(3) == 0 ? "\xEF\xBB\xBF" : "";
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string text(1 + random.below(random.below(10) == 0 ? 3000 : 60), 'x');
    switch (random.below(12)) {
      case 0:
        all += random.below(2) == 0 ? "\n" : "  \r\n";
        break;
      case 1:
        all += "{\"text\": nonsense " + std::to_string(i) + "}\n";
        break;
      case 2:
      case 3:
        all += "{\"text\": \"" + text + "\"}\r\n";
        break;
      default:
        all += "{\"id\": \"" + name + std::to_string(i) + "\", \"text\": \"" + text +
               "\", \"n\": " + std::to_string(i) + "}\n";
    }
  }
  if (random.below(2) == 0 && all.ends_with("\n")) all.pop_back();
  return all;
}

void write_parquet(Random& random, const fs::path& path) {
  storage::ParquetWriter writer(path, {{"id"}, {"text"}},
                                1 + static_cast<std::int64_t>(random.below(300)));
  const std::uint64_t rows = random.below(700);
  for (std::uint64_t i = 0; i < rows; ++i) {
    const std::vector<storage::Value> row = {path.filename().string() + std::to_string(i),
                                             std::string(random.below(50), 'p')};
    writer.put(row);
  }
  writer.finish();
}

void write_corpus(Random& random, const fs::path& folder) {
  fs::create_directories(folder);
  const std::uint64_t files = 1 + random.below(9);
  for (std::uint64_t i = 0; i < files; ++i) {
    const std::string name = "f" + std::to_string(i);
    const std::string some =
        lines(random, name + "-", static_cast<std::int64_t>(random.below(400)));
    switch (random.below(7)) {
      case 0:
        write(folder / (name + ".jsonl.gz"), gzipped(some));
        break;
      case 1:
        write(folder / (name + ".jsonl.zst"), with_zstd(some));
        break;
      case 2:
        write_parquet(random, folder / (name + ".parquet"));
        break;
      case 3:
        write(folder / (name + ".txt"), random.below(4) == 0 ? "" : "a text of its own");
        break;
      case 4:
        write(folder / (name + ".jsonl"), random.below(2) == 0 ? "" : "{\"text\": \"one\"}");
        break;
      default:
        write(folder / (name + ".jsonl"), some);
    }
  }
}

Config config_of(const fs::path& folder) {
  Config config;
  config.inputs = {folder.string()};
  config.max_bad_share = 1;
  return config;
}

// Over corpora of every kind of file and size: the shards in order are the corpus, its bad items
// and the numbers of its lines included.
TEST(Shard, EveryItemIsInExactlyOne) {
  Random random(derive_seed(1, "shards", "corpora"));
  int ranges = 0;
  for (int round = 0; round < 60; ++round) {
    const TemporaryFolder folder;
    write_corpus(random, folder / "in");
    const Config config = config_of(folder / "in");
    const Seen expected = whole(config, folder.path());
    for (const std::int64_t count : {1, 2, 3, 7, 16, 100}) {
      ASSERT_EQ(all_shards(config, folder.path(), count), expected)
          << "round " << round << " of " << count;
      ranges += plan_shard(input_files(config), {0, count}).rule == "ranges" ? 1 : 0;
    }
  }
  EXPECT_GT(ranges, 50);
}

// Each line where its first byte lies, at every possible cut.
TEST(Shard, EveryCutOfALineIsNoMatter) {
  const TemporaryFolder folder;
  write(folder / "a.jsonl", "{\"text\":\"a\"}\n\n{\"text\":\"bb\"}\r\nbad\n{\"text\":\"c\"}");
  const Config config = config_of(folder / "a.jsonl");
  const Seen expected = whole(config, folder.path());
  ASSERT_EQ(expected.ids.size(), 3U);
  for (std::int64_t count = 1; count < 60; ++count) {
    EXPECT_EQ(all_shards(config, folder.path(), count), expected) << count;
  }
}

TEST(Shard, ADamagedArchiveGivesWhatIsBeforeTheDamageOnce) {
  const TemporaryFolder folder;
  Random random(3);
  std::string archive = gzipped(lines(random, "d", 3000));
  archive.resize(archive.size() * 2 / 3);
  write(folder / "d.jsonl.gz", archive);
  const Config config = config_of(folder / "d.jsonl.gz");
  const Seen expected = whole(config, folder.path());
  EXPECT_THAT(expected.bad_items, testing::HasSubstr("cut short"));
  for (const std::int64_t count : {2, 5, 11}) {
    EXPECT_EQ(all_shards(config, folder.path(), count), expected);
  }
}

TEST(Shard, FilesStayWholeWhereTheyAreComparable) {
  std::vector<InputFile> files;
  for (int i = 0; i < 64; ++i) {
    files.push_back({fmt::format("part-{:02}.jsonl", i), FileKind::lines, 1000 + i % 7});
  }
  for (std::int64_t count : {2, 8, 16, 64}) {
    std::size_t next = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      const ShardPlan plan = plan_shard(files, {k, count});
      EXPECT_EQ(plan.rule, "files") << count;
      EXPECT_EQ(plan.pieces.size(), 64U / static_cast<std::size_t>(count));
      for (const FilePiece& piece : plan.pieces) {
        EXPECT_TRUE(piece.whole());
        EXPECT_EQ(piece.file.path, files[next++].path);
      }
    }
  }
  EXPECT_EQ(plan_shard(files, {0, 65}).rule, "ranges");
  EXPECT_EQ(plan_shard(files, {0, 48}).rule, "ranges");  // some would get two files, some one
  files[5].bytes = 1'000'000;
  EXPECT_EQ(plan_shard(files, {0, 8}).rule, "ranges");
}

TEST(Shard, RangesAreEqualToTheByteAndTakeTheLargestCorpora) {
  const std::vector<InputFile> files = {{"a.jsonl", FileKind::lines, std::int64_t{1} << 60U},
                                        {"b.jsonl", FileKind::lines, (std::int64_t{1} << 60U) + 1}};
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < 4096; ++k) {
    std::int64_t bytes = 0;
    for (const FilePiece& piece : plan_shard(files, {k, 4096}).pieces)
      bytes += piece.end - piece.begin;
    EXPECT_NEAR(static_cast<double>(bytes), std::ldexp(1.0, 49), 2);
    total += bytes;
  }
  EXPECT_EQ(total, (std::int64_t{1} << 61U) + 1);
}

TEST(Shard, TheCorpusIsKnownByNamesAndSizes) {
  std::vector<InputFile> files = {{"x/a.jsonl", FileKind::lines, 10},
                                  {"x/b.jsonl", FileKind::lines, 20}};
  const std::string before = plan_shard(files, {0, 2}).corpus_sha256;
  files[0].path = "elsewhere/a.jsonl";
  EXPECT_EQ(plan_shard(files, {1, 2}).corpus_sha256, before);
  files[0].bytes = 11;
  EXPECT_NE(plan_shard(files, {1, 2}).corpus_sha256, before);
}

// The same corpus on S3 gives the same documents, folders, globs and shards too.
TEST(RemoteCorpusSlow, IsReadAsTheOneOnDisk) {
  const auto store = ObjectStore::start();
  if (!store) GTEST_SKIP() << "moto is not installed in " TPT_PYTHON;
  const TemporaryFolder folder;
  Random random(derive_seed(4, "shards", "corpora"));
  while (!fs::exists(folder / "in/f5.jsonl")) {
    fs::remove_all(folder / "in");
    write_corpus(random, folder / "in");
  }
  write(folder / "in/ü b.jsonl", lines(random, "u", 50));
  store->client("s3.create_bucket(Bucket='corpus')\nimport os\nfor name in os.listdir('" +
                (folder / "in").string() + "'):\n    s3.upload_file('" + (folder / "in").string() +
                "/' + name, 'corpus', 'deep/in/' + name)");
  const auto at_home = [&](std::string text) {
    const std::string away = "s3://corpus/deep/in";
    for (std::size_t at = 0; (at = text.find(away, at)) != std::string::npos;) {
      text.replace(at, away.size(), (folder / "in").string());
    }
    return text;
  };
  for (const char* pattern : {"", "/ü b.jsonl", "/*.jsonl", "/**/f[0-9].*", "/{f5,ü*}.jsonl"}) {
    if (std::string(pattern).find("**") != std::string::npos)
      fs::create_directories(folder / "in/x");
    Config here = config_of((folder / "in").string() + pattern);
    Config there = here;
    there.inputs = {std::string("s3://corpus/deep/in") + pattern};
    const Seen expected = whole(here, folder.path());
    EXPECT_FALSE(expected.ids.empty()) << pattern;
    for (const std::int64_t count : {1, 3}) {
      Seen seen = all_shards(there, folder.path(), count);
      for (std::string& id : seen.ids) id = at_home(id);
      seen.bad_items = at_home(seen.bad_items);
      EXPECT_EQ(seen, expected) << pattern << " in " << count;
    }
  }
  Config none;
  none.inputs = {"s3://corpus/deep/none*"};
  EXPECT_THROW(input_files(none), Error);
  none.inputs = {"s3://nobucket/deep"};
  EXPECT_THROW(input_files(none), Error);
}

}  // namespace
}  // namespace tpt::corpus
