#include "corpus/reader.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/parquet.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tpt::corpus {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ReaderTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  // All documents of the inputs, with up to every item bad.
  std::vector<Document> read(std::vector<std::string> inputs, Config config = {}) {
    config.inputs = std::move(inputs);
    config.max_bad_share = 1;
    Reader reader(config, folder_ / "bad.jsonl");
    std::vector<Document> documents;
    for (Document document; reader.next(document);) documents.push_back(document);
    counts_ = reader.counts();
    EXPECT_EQ(reader.bytes_read(), reader.bytes_total());
    return documents;
  }

  std::vector<Json> bad_items() {
    std::ifstream file(folder_ / "bad.jsonl");
    std::vector<Json> items;
    for (std::string line; std::getline(file, line);) items.push_back(Json::parse(line));
    return items;
  }

  // What one line gives: its reason where it is bad, "" where it is a document.
  std::string reason_of(const std::string& line) {
    read({write("one.jsonl", line + "\n").string()});
    const auto items = bad_items();
    fs::remove(folder_ / "bad.jsonl");
    return items.empty() ? "" : items[0].at("reason").get<std::string>();
  }

  static std::string gzip(const std::string& text) {
    std::string out(compressBound(text.size()) + 64, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  }

  static std::string zstd(const std::string& text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
  }

  TemporaryFolder folder_;
  Counts counts_;
};

const std::string kTwoLines = "{\"id\":\"a\",\"text\":\"one\"}\n{\"id\":\"b\",\"text\":\"two\"}\n";

TEST_F(ReaderTest, TakesTextIdAndEverythingElseAsMetadata) {
  const auto documents = read(
      {write(
           "c.jsonl",
           R"({"id": 7, "text": "a\u0000b", "n": 1.50, "deep": {"k": [1, null, "x"]}, "q\"": true})")
           .string()});
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0].id, "7");
  EXPECT_EQ(documents[0].text, std::string("a\0b", 3));
  EXPECT_EQ(Json::parse(documents[0].metadata),
            Json::parse(R"({"n": 1.5, "deep": {"k": [1, null, "x"]}, "q\"": true})"));
}

TEST_F(ReaderTest, KeepsMetadataAsItIsWritten) {
  const std::string fields =
      R"("n":1.50,"big":123456789012345678901234567890,"q\"\\":"},\u00e9","d":{"k":[1, {"}":"]"}]})";
  const auto documents = read(
      {write("c.jsonl", R"({ "te\u0078t" : "a\n\ud83d\ude00" , "id":12345678901234567890123,)" +
                            fields + "}\n")
           .string()});
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_EQ(documents[0].text, "a\n\xF0\x9F\x98\x80");
  EXPECT_EQ(documents[0].id, "12345678901234567890123");
  EXPECT_EQ(documents[0].metadata, "{" + fields + "}");
}

TEST_F(ReaderTest, LinesNestedTooDeepAreBad) {
  for (const std::string number : {"1", "1.5"}) {
    for (const std::size_t depth : {std::size_t{5000}, std::size_t{5'000'000}}) {
      const std::string deep = std::string(depth, '[') + std::string(depth, ']');
      EXPECT_THAT(reason_of("{\"n\":" + number + ",\"text\":\"a\",\"deep\":" + deep + "}"),
                  HasSubstr("not JSON"));
    }
  }
}

TEST_F(ReaderTest, LineSeparatorsInsideTextDoNotEndALine) {
  const auto documents = read({write("c.jsonl",
                                     "{\"text\":\"a\xE2\x80\xA8"
                                     "b\xC2\x85"
                                     "c\"}\r\n\n"
                                     "{\"text\":\"last\"}")
                                   .string()});
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].text,
            "a\xE2\x80\xA8"
            "b\xC2\x85"
            "c");
  EXPECT_EQ(documents[1].id, (folder_ / "c.jsonl").string() + ":3");
}

TEST_F(ReaderTest, NamesWhatIsWrongWithALine) {
  EXPECT_THAT(reason_of("{\"text\": \"cut"), HasSubstr("not JSON"));
  EXPECT_THAT(reason_of("[1, 2]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(reason_of("{\"id\": \"x\"}"), HasSubstr("no field text"));
  EXPECT_THAT(reason_of("{\"text\": null}"), HasSubstr("text is not a text"));
  EXPECT_THAT(reason_of("{\"text\": 3}"), HasSubstr("text is not a text"));
  EXPECT_THAT(reason_of("{\"text\": \"\"}"), HasSubstr("empty text"));
  EXPECT_THAT(reason_of("{\"text\": \"\xFF\xFE\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(reason_of("{\"text\": \"\\ud800\"}"), HasSubstr("not JSON"));
  EXPECT_THAT(reason_of("{\"text\": \"a\", \"id\": [1]}"), HasSubstr("neither"));
  EXPECT_EQ(reason_of("\xEF\xBB\xBF{\"text\": \"a byte order mark\"}"), "");
  EXPECT_EQ(reason_of("{\"text\": \"a\", \"id\": null}"), "");
}

TEST_F(ReaderTest, KeepsBadLinesAsideWithTheirPlace) {
  const auto path = write("c.jsonl", "{\"text\":\"a\"}\nnonsense\n{\"text\":\"b\"}\n");
  EXPECT_EQ(read({path.string()}).size(), 2U);
  EXPECT_EQ(counts_.bad_items, 1);
  const auto items = bad_items();
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0].at("file"), path.string());
  EXPECT_EQ(items[0].at("line"), 2);
  EXPECT_EQ(items[0].at("beginning"), "nonsense");
}

TEST_F(ReaderTest, ThinkingIsAskedForWhereItsFieldIsNamed) {
  const std::vector<std::pair<std::string, std::string>> lines = {
      {R"({"text": "a", "mind": "b"})", ""},
      {R"({"text": "a"})", "there is no field mind"},
      {R"({"text": "a", "mind": null})", "there is no field mind"},
      {R"({"text": "a", "mind": ["b"]})", "the field mind holds no text"},
      {R"({"text": "a", "mind": " \n"})", "the field mind is empty"},
  };
  for (const auto& [line, reason] : lines) {
    const auto path = write("c.jsonl", line + "\n");
    const auto documents = read({path.string()}, {.thinking_column = "mind"});
    ASSERT_EQ(documents.size(), reason.empty() ? 1U : 0U) << line;
    if (reason.empty()) {
      EXPECT_EQ(documents[0].metadata, "{}");
    }
    const auto items = bad_items();
    EXPECT_EQ(items.empty() ? "" : items[0].at("reason").get<std::string>(), reason) << line;
    fs::remove(folder_ / "bad.jsonl");
  }
}

TEST_F(ReaderTest, StrictStopsAtTheFirstBadLine) {
  const auto path = write("c.jsonl", "{\"text\":\"a\"}\nnonsense\n");
  Reader reader({.inputs = {path.string()}, .strict = true}, "");
  Document document;
  ASSERT_TRUE(reader.next(document));
  try {
    (void)reader.next(document);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), HasSubstr("c.jsonl:2: not JSON"));
  }
}

TEST_F(ReaderTest, TooManyBadLinesFailTheRunAtItsEnd) {
  const auto path = write("c.jsonl", "{\"text\":\"a\"}\nnonsense\n");
  Reader reader({.inputs = {path.string()}, .max_bad_share = 0.4}, "");
  Document document;
  ASSERT_TRUE(reader.next(document));
  EXPECT_THROW((void)reader.next(document), Error);
}

TEST_F(ReaderTest, RepeatedIdsAreKeptAside) {
  const auto one = write("a.jsonl", kTwoLines);
  const auto two = write("b.jsonl", kTwoLines);
  EXPECT_EQ(read({one.string(), two.string()}).size(), 2U);
  EXPECT_EQ(counts_.bad_items, 2);
  EXPECT_EQ(read({one.string(), two.string()}, {.check_ids = false}).size(), 4U);
}

TEST_F(ReaderTest, ReadsArchivesOfSeveralMembers) {
  const std::string more = "{\"id\":\"c\",\"text\":\"three\"}\n";
  EXPECT_EQ(read({write("a.jsonl.gz", gzip(kTwoLines) + gzip(more)).string()}).size(), 3U);
  EXPECT_EQ(read({write("a.jsonl.zst", zstd(kTwoLines) + zstd(more)).string()}).size(), 3U);
}

TEST_F(ReaderTest, DamagedArchivesAreNamedAndTheOthersRead) {
  std::string lines;
  for (int i = 0; i < 5000; ++i) lines += fmt::format("{{\"text\":\"{} {}\"}}\n", i, i * 7919);
  for (const auto& [name, bytes] :
       {std::pair{"cut.jsonl.gz", gzip(lines)}, std::pair{"cut.jsonl.zst", zstd(lines)}}) {
    const auto cut = write(name, bytes.substr(0, bytes.size() / 2));
    const auto good = write("good.jsonl", kTwoLines);
    const auto documents = read({cut.string(), good.string()});
    EXPECT_GE(documents.size(), 2U);
    EXPECT_EQ(documents.back().text, "two");
    EXPECT_EQ(counts_.bad_items, 1);
    EXPECT_THAT(bad_items()[0].at("reason").get<std::string>(), HasSubstr("cut short"));
    std::string flipped = bytes;
    for (std::size_t at = bytes.size() / 3; at < bytes.size() / 3 + 40; ++at) flipped[at] ^= 0x55;
    write(name, flipped);
    read({cut.string(), good.string()});
    EXPECT_GE(counts_.bad_items, 1);
  }
}

TEST_F(ReaderTest, EmptyFilesGiveNothing) {
  EXPECT_TRUE(read({write("e.jsonl", "").string()}).empty());
  EXPECT_EQ(counts_.bad_items, 0);
  EXPECT_TRUE(read({write("e.parquet", "").string()}).empty());
  EXPECT_EQ(counts_.bad_items, 1);
  EXPECT_TRUE(read({write("e.txt", "").string()}).empty());
  EXPECT_EQ(counts_.bad_items, 1);
}

TEST_F(ReaderTest, FoldersAreReadInTheOrderOfNames) {
  write("f/2.txt", "second");
  write("f/10/a.md", "first, by name");
  write("f/3.jsonl", "{\"text\":\"third\"}");
  write("f/notes.pdf", "left out");
  std::vector<std::string> texts;
  for (const Document& document : read({(folder_ / "f").string()})) texts.push_back(document.text);
  EXPECT_THAT(texts, ElementsAre("first, by name", "second", "third"));
  texts.clear();
  for (const Document& document : read({(folder_ / "f/**/*.md").string()})) {
    texts.push_back(document.text);
  }
  EXPECT_THAT(texts, ElementsAre("first, by name"));
  EXPECT_EQ(read({(folder_ / "f/*.txt").string()}).size(), 1U);
}

TEST_F(ReaderTest, InputsThatNameNothingAreTheUsersMistake) {
  for (const std::string input : {"/no/such/file.jsonl", "/no/such/*.jsonl", "/no/**/x.txt"}) {
    EXPECT_THROW(Reader({.inputs = {input}}, ""), Error) << input;
  }
  const auto folder = folder_ / "d.jsonl";
  fs::create_directories(folder);
  EXPECT_THROW(Reader({.inputs = {folder.string()}}, ""), Error);
  EXPECT_THROW(Reader({.inputs = {write("x.pdf", "x").string()}}, ""), Error);
}

TEST_F(ReaderTest, ParquetGivesTheSameAsLines) {
  const auto path = folder_ / "rows.parquet";
  {
    storage::ParquetWriter writer(path, {{"id"}, {"text"}, {"n", storage::ColumnType::integer}});
    writer.put(std::vector<storage::Value>{std::string("a"), std::string("one"), std::int64_t{5}});
    writer.put(std::vector<storage::Value>{std::string("b"), std::monostate{}, std::int64_t{6}});
    writer.put(
        std::vector<storage::Value>{std::monostate{}, std::string("three"), std::monostate{}});
    writer.finish();
  }
  const auto documents = read({path.string()});
  ASSERT_EQ(documents.size(), 2U);
  EXPECT_EQ(documents[0].id, "a");
  EXPECT_EQ(documents[0].metadata, R"({"n":5})");
  EXPECT_EQ(documents[1].id, path.string() + ":3");
  EXPECT_EQ(documents[1].metadata, R"({"n":null})");
  EXPECT_EQ(bad_items()[0].at("reason"), "the text is null");
  EXPECT_TRUE(read({path.string()}, {.text_column = "n"}).empty());
  EXPECT_EQ(counts_.bad_items, 1);
}

TEST_F(ReaderTest, ALineOf100MegabytesIsReadInBoundedMemory) {
  const std::string text(100'000'000, 'x');
  const auto documents =
      read({write("big.jsonl", "{\"text\":\"" + text + "\"}\n" + kTwoLines).string()});
  ASSERT_EQ(documents.size(), 3U);
  EXPECT_EQ(documents[0].text.size(), text.size());
}

TEST_F(ReaderTest, StopsAtTheLimit) {
  const auto path = write("c.jsonl", kTwoLines);
  Reader reader({.inputs = {path.string()}, .limit = 1}, "");
  Document document;
  EXPECT_TRUE(reader.next(document));
  EXPECT_FALSE(reader.next(document));
  EXPECT_FALSE(reader.next(document));
}

// The documents of each file as its collection counts them.
TEST(ReaderSlow, ReadsEveryDocumentOfTheSharedCorpus) {
  const char* shared = std::getenv("TPT_SHARED");
  const fs::path docs = fs::path(shared != nullptr ? shared : "../shared") / "data/docs";
  if (!fs::exists(docs)) GTEST_SKIP() << "needs ../shared/data/docs";
  const std::map<std::string, std::int64_t> expected = {{"c4_demo", 300},
                                                        {"cp_algorithms", 174},
                                                        {"dc_code", 312},
                                                        {"napkin", 104},
                                                        {"openlogic", 638},
                                                        {"openstax_astronomy", 200},
                                                        {"openstax_physics_v1", 123},
                                                        {"openstax_precalculus", 124},
                                                        {"openstax_statistics", 120},
                                                        {"openstax_us_history", 178},
                                                        {"pride_and_prejudice", 61},
                                                        {"rust_book", 109},
                                                        {"sherlock_holmes", 37},
                                                        {"stack_exchange", 70},
                                                        {"wikipedia_demo", 30},
                                                        {"wikitext2_valid", 77}};
  for (const auto& [name, documents] : expected) {
    Reader reader({.inputs = {(docs / (name + ".jsonl.gz")).string()}, .strict = true}, "");
    for (Document document; reader.next(document);) EXPECT_FALSE(document.text.empty());
    EXPECT_EQ(reader.counts().documents, documents) << name;
  }
}

}  // namespace
}  // namespace tpt::corpus
