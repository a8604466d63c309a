#include "storage/parquet.h"

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"

#include <gmock/gmock.h>

#include <sstream>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

bool has_python() { return fs::exists(TPT_PYTHON); }

// The lines that the oracle prints.
std::vector<Json> ask_oracle(const std::string& verb, const fs::path& path,
                             const TemporaryFolder& folder) {
  const std::string command = fmt::format("{} {}/tests/storage/parquet_oracle.py {} {} > {} 2> {}",
                                          TPT_PYTHON, TPT_SOURCE_DIR, verb, path.string(),
                                          (folder / "out").string(), (folder / "log").string());
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(folder / "log");
  std::istringstream out(read_file(folder / "out"));
  std::vector<Json> lines;
  for (std::string line; std::getline(out, line);) lines.push_back(Json::parse(line));
  return lines;
}

Json to_json(const Value& value, bool is_json) {
  if (is_json && std::holds_alternative<std::string>(value)) {
    return Json::parse(std::get<std::string>(value));
  }
  return std::visit(
      [](const auto& cell) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(cell)>, std::monostate>) {
          return nullptr;
        } else {
          return cell;
        }
      },
      value);
}

std::vector<Json> rows_of(const fs::path& path) {
  ParquetReader reader(path);
  std::vector<Json> rows;
  for (std::vector<Value> values; reader.next(values);) {
    Json row = Json::object();
    for (std::size_t i = 0; i < values.size(); ++i) {
      row[reader.columns()[i].name] = to_json(values[i], reader.columns()[i].is_json);
    }
    rows.push_back(std::move(row));
  }
  EXPECT_EQ(reader.rows(), static_cast<std::int64_t>(rows.size()));
  return rows;
}

const std::vector<Column> kColumns = {{"text"},
                                      {"integer", ColumnType::integer},
                                      {"number", ColumnType::number},
                                      {"flag", ColumnType::boolean}};

std::vector<Value> some_row(std::int64_t number) {
  if (number % 5 == 4) return {{}, {}, {}, {}};
  return {fmt::format("text {} \xE2\x80\xA8 \xF0\x9F\x98\x80", number) + std::string(1, '\0'),
          number * 1'000'000'007 * 1'000'003, static_cast<double>(number) / 3, number % 2 == 0};
}

void write_rows(const fs::path& path, std::int64_t rows, std::int64_t rows_per_group) {
  ParquetWriter writer(path, kColumns, rows_per_group);
  for (std::int64_t i = 0; i < rows; ++i) writer.put(some_row(i));
  writer.finish();
}

TEST(Parquet, ReadsBackWhatItWrote) {
  const TemporaryFolder folder;
  for (const std::int64_t rows : {0, 1, 1000, 2501}) {
    write_rows(folder / "a.parquet", rows, 1000);
    ParquetReader reader(folder / "a.parquet");
    ASSERT_EQ(reader.rows(), rows);
    ASSERT_EQ(reader.columns().size(), 4U);
    std::vector<Value> row;
    for (std::int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(reader.next(row));
      ASSERT_TRUE(row == some_row(i)) << i;
    }
    EXPECT_FALSE(reader.next(row));
    EXPECT_FALSE(reader.next(row));
  }
}

TEST(Parquet, TheSameRowsGiveTheSameBytes) {
  const TemporaryFolder folder;
  write_rows(folder / "a.parquet", 3000, 1000);
  write_rows(folder / "b.parquet", 3000, 1000);
  EXPECT_TRUE(read_file(folder / "a.parquet") == read_file(folder / "b.parquet"));
}

TEST(ParquetSlow, PyarrowReadsOurs) {
  if (!has_python()) GTEST_SKIP() << "needs the Python oracles (make setup-test)";
  const TemporaryFolder folder;
  write_rows(folder / "a.parquet", 2501, 1000);
  auto rows = ask_oracle("read", folder / "a.parquet", folder);
  ASSERT_EQ(rows.size(), 2502U);
  EXPECT_EQ(rows[0], Json::parse(R"({"text": "string", "integer": "int64", "number": "double",
                                     "flag": "bool"})"));
  rows.erase(rows.begin());
  EXPECT_TRUE(rows == rows_of(folder / "a.parquet"));
  for (std::int64_t i = 0; i < 2501; ++i) {
    const auto row = some_row(i);
    const Json& theirs = rows[static_cast<std::size_t>(i)];
    ASSERT_EQ(theirs.at("text"), to_json(row[0], false));
    ASSERT_EQ(theirs.at("integer"), to_json(row[1], false));
  }
}

TEST(ParquetSlow, ReadsWhatPyarrowWrites) {
  if (!has_python()) GTEST_SKIP() << "needs the Python oracles (make setup-test)";
  const TemporaryFolder folder;
  ask_oracle("write", folder.path(), folder);
  std::istringstream lines(read_file(folder / "expected.jsonl"));
  std::vector<Json> expected;
  for (std::string line; std::getline(lines, line);) expected.push_back(Json::parse(line));
  ASSERT_EQ(expected.size(), 1000U);
  for (const char* layout : {"plain", "snappy", "gzip_v2", "zstd_pages", "delta"}) {
    const auto rows = rows_of(folder / (std::string(layout) + ".parquet"));
    ASSERT_EQ(rows.size(), expected.size()) << layout;
    for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], expected[i]) << layout;
  }
  EXPECT_TRUE(rows_of(folder / "no_rows.parquet").empty());
  ParquetReader reader(folder / "not_utf8.parquet");
  std::vector<Value> row;
  std::vector<std::string> texts;
  while (reader.next(row)) texts.push_back(std::get<std::string>(row[0]));
  EXPECT_THAT(texts, testing::ElementsAre("good", "\xFF\xFE", "good too"));
}

TEST(Parquet, RefusesRowsThatDoNotFit) {
  const TemporaryFolder folder;
  ParquetWriter writer(folder / "a.parquet", {{"text"}, {"n", ColumnType::integer}});
  const auto kind_of = [&](std::vector<Value> row) {
    try {
      writer.put(row);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::user;
  };
  EXPECT_EQ(kind_of({std::string("a")}), ErrorKind::bug);
  EXPECT_EQ(kind_of({std::int64_t{1}, std::int64_t{1}}), ErrorKind::bug);
  EXPECT_EQ(kind_of({std::string("\xFF"), std::int64_t{1}}), ErrorKind::data);
}

TEST(Parquet, IsThereWholeOrNotAtAll) {
  const TemporaryFolder folder;
  {
    ParquetWriter writer(folder / "a.parquet", kColumns);
    writer.put(some_row(1));
  }
  EXPECT_TRUE(fs::is_empty(folder.path()));
  const int status = in_child([&] {
    limit_file_size(20'000);
    try {
      write_rows(folder / "a.parquet", 100'000, 1000);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::io ? 7 : 8;
    }
    return 9;
  });
  EXPECT_EQ(status, 7);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Parquet, NamesWhatIsNoParquet) {
  const TemporaryFolder folder;
  spill(folder / "empty", "");
  spill(folder / "text", "PAR1 not really PAR1");
  fs::create_directories(folder / "folder.parquet");
  for (const char* name : {"empty", "text", "folder.parquet"}) {
    try {
      ParquetReader reader(folder / name);
      FAIL() << "no error for " << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
  EXPECT_THROW(ParquetReader(folder / "none"), Error);
}

// Cut or with a flipped bit a file gives an Error and never a crash. Parquet's checksums cover the
// pages but not their headers, so a few flips among them give other rows.
TEST(Parquet, NoticesDamage) {
  const TemporaryFolder folder;
  write_rows(folder / "a.parquet", 600, 200);
  const std::string whole = read_file(folder / "a.parquet");
  const auto rows = rows_of(folder / "a.parquet");
  Random random(9);
  int noticed = 0;
  int other = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::string damaged = whole;
    if (trial % 10 == 0) {
      damaged.resize(random.below(whole.size()));
    } else {
      // In the pages: the footer carries no checksum.
      damaged[random.below(whole.size() * 6 / 10)] ^= static_cast<char>(1U << random.below(8));
    }
    spill(folder / "b.parquet", damaged);
    try {
      if (rows_of(folder / "b.parquet") != rows) ++other;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      ++noticed;
    }
  }
  EXPECT_GT(noticed, 200);
  EXPECT_LE(other, 10);
}

// The peak of a process that reads a file of some hundred megabytes must not hold the file.
TEST(ParquetSlow, ReadsAFileLargerThanItsMemory) {
  const TemporaryFolder folder;
  constexpr std::int64_t kRows = 20'000;
  constexpr std::size_t kTextBytes = 20'000;
  const int written = in_child([&] {
    Random random(1);
    ParquetWriter writer(folder / "a.parquet", {{"text"}});
    for (std::int64_t i = 0; i < kRows; ++i) {
      std::string text(kTextBytes, ' ');
      for (char& letter : text) letter = static_cast<char>(' ' + random.below(95));
      writer.put(std::vector<Value>{std::move(text)});
    }
    writer.finish();
    return 7;
  });
  ASSERT_EQ(written, 7);
  ASSERT_GT(fs::file_size(folder / "a.parquet"), 300'000'000U);
  const int status = in_child([&] {
    rusage before{};
    getrusage(RUSAGE_SELF, &before);
    ParquetReader reader(folder / "a.parquet");
    std::int64_t rows = 0;
    for (std::vector<Value> row; reader.next(row);) ++rows;
    rusage after{};
    getrusage(RUSAGE_SELF, &after);
    const auto grown_mb = (after.ru_maxrss - before.ru_maxrss) / 1024;
    std::fprintf(stderr, "reading took %ld MB\n", static_cast<long>(grown_mb));
    return rows == kRows && grown_mb < 120 ? 7 : 8;
  });
  EXPECT_EQ(status, 7);
}

}  // namespace
}  // namespace tpt::storage
