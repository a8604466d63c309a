// What a bad disk does to a run: it ends with a clear word, or heals, and goes on to the same
// bytes.
#include "augment/augment.h"
#include "augment/scenario.h"
#include "base/error.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"
#include "storage/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace tpt::augment {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class Attack : public testing::Test {
 protected:
  Attack() : documents_(scenario_documents(400)) {
    engine::FakeEngine engine(scenario_engine(milliseconds(0)));
    run_scenario(scenario_config(), documents_, engine, whole_.path());
    expected_ = parquet_bytes(whole_.path());
  }

  // Runs it again in `folder`; the bytes are those of the uninterrupted run.
  Counts go_on(const std::filesystem::path& folder) {
    engine::FakeEngine engine(scenario_engine(milliseconds(0)));
    const Counts counts = run_scenario(scenario_config(), documents_, engine, folder);
    EXPECT_EQ(parquet_bytes(folder), expected_);
    return counts;
  }

  std::vector<Document> documents_;
  TemporaryFolder whole_;
  std::map<std::string, std::string> expected_;
};

// No file may be longer than so many bytes: journal, log and parts meet the limit at different
// times.
TEST_F(Attack, AFullDiskEndsTheRunAndItGoesOn) {
  int ended = 0;
  for (const rlim_t bytes : {30'000, 60'000, 120'000, 250'000}) {
    const TemporaryFolder folder;
    const int status = storage::in_child([&] {
      storage::limit_file_size(bytes);
      engine::FakeEngine engine(scenario_engine(milliseconds(0)));
      try {
        run_scenario(scenario_config(), documents_, engine, folder.path());
      } catch (const Error& error) {
        return error.kind() == ErrorKind::io ? 7 : 8;
      }
      return 0;
    });
    EXPECT_TRUE(status == 7 || (status == 0 && bytes >= 250'000)) << bytes << ": " << status;
    ended += status == 7 ? 1 : 0;
    const Counts counts = go_on(folder.path());
    EXPECT_EQ(counts.rows, 400);
  }
  EXPECT_GE(ended, 2);
}

TEST_F(Attack, APartThatCannotBeWrittenEndsTheRun) {
  const TemporaryFolder folder;
  // A folder stands where the second part belongs.
  std::filesystem::create_directories(folder.path() / "part-00001.parquet" / "in the way");
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  try {
    run_scenario(scenario_config(), documents_, engine, folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
    EXPECT_THAT(error.what(), HasSubstr("part-00001.parquet"));
  }
  std::filesystem::remove_all(folder.path() / "part-00001.parquet");
  EXPECT_GT(go_on(folder.path()).from_journal, 64);
}

TEST_F(Attack, ADamagedAnswerIsNamedAndAskedForAgain) {
  const std::filesystem::path journal = whole_.path() / "journal.sqlite";
  std::string bytes = storage::read_file(journal);
  const std::string mark = read_rows(whole_.path())[17].trajectory.text;
  const std::size_t at = bytes.find(mark);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = static_cast<char>(bytes[at] ^ 1);
  storage::spill(journal, bytes);
  testing::internal::CaptureStderr();
  const Counts counts = go_on(whole_.path());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("doc-17 is damaged"));
  EXPECT_EQ(counts.damaged, 1);
  EXPECT_EQ(counts.asked, 1);
  EXPECT_EQ(go_on(whole_.path()).asked, 0);
}

TEST_F(Attack, ACutLogCostsWhatItHeldAndNothingElse) {
  // What a kill leaves: the last answers only in the log.
  const TemporaryFolder folder;
  const int status = storage::in_child([&] {
    engine::FakeConfig fake = scenario_engine(milliseconds(0));
    fake.answer = [](const engine::Request& request) {
      if (request.key == "doc-390") _exit(7);
      return engine::fake_response(request, 12);
    };
    engine::FakeEngine engine(fake);
    run_scenario(scenario_config(), documents_, engine, folder.path());
    return 0;
  });
  ASSERT_EQ(status, 7);
  const std::string log = (folder.path() / "journal.sqlite-wal").string();
  const auto whole = std::filesystem::file_size(log);
  std::filesystem::resize_file(log, whole / 2 + 12'345);
  testing::internal::CaptureStderr();
  const Counts counts = go_on(folder.path());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("answers that had been committed are gone"));
  EXPECT_GT(counts.from_journal, 20);
  EXPECT_GT(counts.asked, 20);
}

// What stands in the rows is not paid for again.
TEST_F(Attack, ALostJournalIsMadeAnewFromTheRows) {
  namespace fs = std::filesystem;
  const fs::path journal = whole_.path() / "journal.sqlite";
  for (const char* way : {"cut", "gone", "gone with its lock", "gone with a part"}) {
    fs::remove(journal.string() + "-wal");
    fs::resize_file(journal, 0);
    if (way != std::string("cut")) fs::remove(journal);
    if (way == std::string("gone with its lock")) fs::remove(journal.string() + ".lock");
    const bool misses_some = way == std::string("gone with a part");
    if (misses_some) fs::remove(whole_.path() / "part-00001.parquet");
    testing::internal::CaptureStderr();
    const Counts counts = go_on(whole_.path());
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("were taken from the rows"));
    EXPECT_EQ(counts.asked > 0, misses_some) << way;
    EXPECT_LE(counts.asked, scenario_config().rows_per_part) << way;
    EXPECT_EQ(go_on(whole_.path()).asked, 0) << way;
  }
}

}  // namespace
}  // namespace tpt::augment
