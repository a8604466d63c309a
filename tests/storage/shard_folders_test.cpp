#include "storage/shard_folders.h"

#include "base/error.h"
#include "object_store.h"
#include "storage/augmented_file.h"
#include "storage/files.h"
#include "storage/remote_files.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

void write_rows(const fs::path& folder, int from, int to, bool rejected) {
  AugmentedWriter writer(folder, 2);
  for (int i = from; i < to; ++i) {
    AugmentedDocument row;
    row.document.id = std::to_string(i);
    row.document.text = "x";
    if (rejected) {
      writer.put(row, "why");
    } else {
      writer.put(row);
    }
  }
  writer.finish();
}

// Shards of 5 rows each; each but the second has a rejected row too.
void write_shard(const fs::path& out, int index, int count) {
  const fs::path folder = out / shard_folder_name(index, count);
  write_rows(folder, index * 5, index * 5 + 5, false);
  if (index != 1) write_rows(folder / "rejected", 100 + index, 101 + index, true);
  std::ofstream(folder / "manifest.json") << "{}";
}

std::vector<std::string> ids(const fs::path& folder) {
  std::vector<std::string> all;
  AugmentedReader reader(folder);
  for (AugmentedDocument row; reader.next(row);) all.push_back(row.document.id);
  return all;
}

std::string refusal(const fs::path& folder) {
  try {
    (void)parquet_parts(folder);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    return error.what();
  }
  return "none";
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back(std::to_string(i));
  return all;
}

TEST(ShardFolders, ReadAsOneInOrder) {
  const TemporaryFolder folder;
  for (int i = 0; i < 12; ++i) write_shard(folder / "out", i, 12);
  std::ofstream(folder / "out/shards.json") << "{}";
  EXPECT_EQ(ids(folder / "out"), numbers(60));
  EXPECT_EQ(ids(folder / "out/"), numbers(60));
  EXPECT_EQ(ids(folder / "out/rejected").size(), 11U);
  EXPECT_EQ(ids(folder / "out/shard-00001-of-00012"),
            (std::vector<std::string>{"5", "6", "7", "8", "9"}));
  EXPECT_THAT(refusal(folder / "out/nothing"), HasSubstr("no such file"));
}

TEST(ShardFolders, AreRefusedWhereSomeAreMissingOrNotFinished) {
  const TemporaryFolder folder;
  for (const int i : {0, 1, 3}) write_shard(folder.path(), i, 5);
  fs::remove(folder / "shard-00003-of-00005/manifest.json");
  EXPECT_THAT(refusal(folder.path()),
              AllOf(HasSubstr("2 missing (shard-00002-of-00005, shard-00004-of-00005)"),
                    HasSubstr("1 not finished (shard-00003-of-00005)")));
  EXPECT_THAT(refusal(folder / "rejected"), HasSubstr("not finished"));
  write_shard(folder.path(), 0, 2);
  EXPECT_THAT(refusal(folder.path()), HasSubstr("shards of 2 and of 5"));
}

TEST(ShardFolders, NamesThatOnlyLookLikeShardsAreNone) {
  const TemporaryFolder folder;
  for (const char* name :
       {"shard-5-of-3", "shard-x-of-3", "shard--1-of-3", "shard-1-of-", "shard-"}) {
    fs::create_directories(folder / name);
  }
  EXPECT_TRUE(shard_folders(folder.path()).empty());
  write_rows(folder.path(), 0, 3, false);
  EXPECT_EQ(ids(folder.path()), numbers(3));
  write_shard(folder.path(), 0, 1);
  EXPECT_THAT(refusal(folder.path()), HasSubstr("rows and shards"));
}

TEST(RemoteShardFoldersSlow, ReadAsThoseOnDisk) {
  const auto store = ObjectStore::start();
  if (!store) GTEST_SKIP() << "moto is not installed in " TPT_PYTHON;
  store->client("s3.create_bucket(Bucket='rows')");
  const TemporaryFolder folder;
  for (int i = 0; i < 3; ++i) write_shard(folder / "out", i, 3);
  for (const StoredFile& file : files_below(folder / "out")) {
    put_remote(file.path, "s3://rows/a/out/" + fs::relative(file.path, folder / "out").string());
  }
  EXPECT_EQ(ids("s3://rows/a/out"), numbers(15));
  EXPECT_EQ(ids("s3://rows/a/out/"), numbers(15));
  EXPECT_EQ(ids("s3://rows/a/out/rejected").size(), 2U);
  EXPECT_EQ(ids("s3://rows/a/out/shard-00001-of-00003/part-00001.parquet"),
            (std::vector<std::string>{"7", "8"}));
  remove_remote("s3://rows/a/out/shard-00001-of-00003/manifest.json");
  EXPECT_THAT(refusal("s3://rows/a/out"), HasSubstr("1 not finished (shard-00001-of-00003)"));
  EXPECT_THAT(refusal("s3://rows/a/none"), HasSubstr("no such file"));
}

}  // namespace
}  // namespace tpt::storage
