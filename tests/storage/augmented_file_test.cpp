#include "storage/augmented_file.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"
#include "storage/parquet.h"

#include <fmt/core.h>
#include <gmock/gmock.h>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

AugmentedDocument some_row(std::int64_t number) {
  AugmentedDocument row;
  row.document = {.id = fmt::format("id {}", number),
                  .text = std::string("a\0b ", 4) + std::to_string(number),
                  .source = "corpus.jsonl",
                  .metadata = R"({"n":1.50})"};
  row.trajectory = {.text = number % 3 == 0 ? "" : "thinking",
                    .finish = static_cast<Finish>(number % 3),
                    .prompt_tokens = number,
                    .thinking_tokens = -number,
                    .context_bytes = 5,
                    .seed = ~std::uint64_t{0} - static_cast<std::uint64_t>(number),
                    .rollout = number % 2,
                    .engine = "fake",
                    .prompt_sha256 = "00ff",
                    .request_sha256 = fmt::format("{:064x}", number)};
  row.chunk = number % 5;
  row.chunks = 5;
  return row;
}

void write_rows(const fs::path& folder, std::int64_t rows, std::int64_t rows_per_part) {
  AugmentedWriter writer(folder, rows_per_part);
  for (std::int64_t i = 0; i < rows; ++i) writer.put(some_row(i));
  writer.finish();
}

std::vector<AugmentedDocument> rows_of(const fs::path& path) {
  AugmentedReader reader(path);
  std::vector<AugmentedDocument> rows;
  for (AugmentedDocument row; reader.next(row);) rows.push_back(row);
  return rows;
}

TEST(AugmentedFile, ReadsBackEveryField) {
  const TemporaryFolder folder;
  write_rows(folder / "a", 25, 10);
  EXPECT_EQ(parquet_parts(folder / "a").size(), 3U);
  const auto rows = rows_of(folder / "a");
  ASSERT_EQ(rows.size(), 25U);
  for (std::int64_t i = 0; i < 25; ++i) {
    EXPECT_TRUE(rows[static_cast<std::size_t>(i)] == some_row(i)) << i;
  }
  EXPECT_EQ(rows_of(folder / "a/part-00001.parquet").size(), 10U);
}

TEST(AugmentedFile, AnEmptyResultIsAFileToo) {
  const TemporaryFolder folder;
  write_rows(folder / "a", 0, 10);
  EXPECT_EQ(parquet_parts(folder / "a").size(), 1U);
  EXPECT_TRUE(rows_of(folder / "a").empty());
}

TEST(AugmentedFile, ASecondRunLeavesTheSameFilesWhateverTheFirstLeft) {
  const TemporaryFolder folder;
  write_rows(folder / "a", 20, 10);
  write_rows(folder / "b", 45, 10);
  spill(folder / "b/part-00007.parquet.partial", "of a killed run");
  write_rows(folder / "b", 20, 10);
  ASSERT_EQ(parquet_parts(folder / "b").size(), 2U);
  for (const char* name : {"part-00000.parquet", "part-00001.parquet"}) {
    EXPECT_TRUE(read_file(folder.path() / "a" / name) == read_file(folder.path() / "b" / name));
  }
  EXPECT_FALSE(fs::exists(folder / "b/part-00007.parquet.partial"));
}

TEST(AugmentedFile, CarriesWhyARowWasRejected) {
  const TemporaryFolder folder;
  {
    AugmentedWriter writer(folder / "a");
    writer.put(some_row(1), "too short");
    writer.put(some_row(2), "");
    EXPECT_THROW(writer.put(some_row(3)), Error);
    writer.finish();
  }
  AugmentedReader reader(folder / "a");
  AugmentedDocument row;
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(reader.reason(), "too short");
  EXPECT_TRUE(row == some_row(1));
  ASSERT_TRUE(reader.next(row));
  EXPECT_EQ(reader.reason(), "");
  EXPECT_FALSE(reader.next(row));
}

TEST(AugmentedFile, PartsAreReadByTheirNumber) {
  const TemporaryFolder folder;
  for (const char* name : {"part-100000.parquet", "part-99999.parquet", "part-00000.parquet"}) {
    spill(folder / name, "");
  }
  std::vector<std::string> names;
  for (const auto& part : parquet_parts(folder.path())) names.push_back(part.filename().string());
  EXPECT_THAT(names, testing::ElementsAre("part-00000.parquet", "part-99999.parquet",
                                          "part-100000.parquet"));
}

TEST(AugmentedFile, NamesAFileOfOtherColumns) {
  const TemporaryFolder folder;
  const auto path = folder / "other.parquet";
  {
    ParquetWriter writer(path, {{"id"}, {"text"}});
    writer.put(std::vector<Value>{std::string("a"), std::string("b")});
    writer.finish();
  }
  try {
    (void)rows_of(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), testing::HasSubstr("no column thinking"));
    EXPECT_THAT(error.what(), testing::HasSubstr("other.parquet"));
  }
  EXPECT_THROW((void)rows_of(folder.path() / "none"), Error);
  fs::create_directories(folder / "empty");
  EXPECT_THROW((void)rows_of(folder / "empty"), Error);
}

}  // namespace
}  // namespace tpt::storage
