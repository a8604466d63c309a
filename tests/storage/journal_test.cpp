#include "storage/journal.h"

#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <thread>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What the tests store under a number; long enough that a batch is many pages.
std::string value_of(std::int64_t number) {
  return fmt::format("value {} ", number) +
         std::string(static_cast<std::size_t>(number % 977), 'v');
}

TEST(Journal, FindsWhatWasPut) {
  const TemporaryFolder folder;
  const std::string odd("a\0b\xFF\n", 5);
  {
    Journal journal(folder / "journal.sqlite");
    EXPECT_EQ(journal.find("a", 0, "h"), std::nullopt);
    journal.put("a", 0, "h", "zeroth");
    journal.put("a", 0, "h", "first");
    journal.put("a", 1, "h", "");
    journal.put("a", 2, "h", {});
    journal.put("", 0, {}, "of no name");
    journal.put(odd, 0, odd, odd);
    EXPECT_EQ(journal.find("a", 0, "h"), "first");
    EXPECT_EQ(journal.uncommitted(), 6);
    EXPECT_EQ(journal.size(), 5);
  }
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.size(), 5);
  EXPECT_EQ(journal.lost() + journal.damaged() + journal.uncommitted(), 0);
  EXPECT_EQ(journal.find("a", 0, "h"), "first");
  EXPECT_EQ(journal.find("a", 1, "h"), "");
  EXPECT_EQ(journal.find("a", 2, "h"), "");
  EXPECT_EQ(journal.find("a", 3, "h"), std::nullopt);
  EXPECT_EQ(journal.find("a", 0, "other"), std::nullopt);
  EXPECT_EQ(journal.find({}, 0, ""), "of no name");
  EXPECT_EQ(journal.find(odd, 0, odd), odd);
}

TEST(Journal, RefusesASecondProcess) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  const auto open_it = [&] {
    try {
      Journal second(path);
    } catch (const Error& error) {
      return error.kind() == ErrorKind::user ? 7 : 8;
    }
    return 0;
  };
  {
    Journal journal(path);
    EXPECT_EQ(open_it(), 7);
  }
  EXPECT_EQ(in_child(open_it), 0);
}

TEST(Journal, WhatIsCommittedStaysWhateverBecomesOfTheProcess) {
  const TemporaryFolder folder;
  const int status = in_child([&] {
    Journal journal(folder / "journal.sqlite");
    journal.put("a", 0, "h", "one");
    journal.commit();
    journal.put("b", 0, "h", "two");
    _exit(7);
    return 0;
  });
  ASSERT_EQ(status, 7);
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.find("a", 0, "h"), "one");
  EXPECT_EQ(journal.find("b", 0, "h"), std::nullopt);
  EXPECT_EQ(journal.lost(), 0);
}

TEST(Journal, FindsAmongManyKeys) {
  const TemporaryFolder folder;
  constexpr std::int64_t kKeys = 20'000;
  {
    Journal journal(folder / "journal.sqlite");
    for (std::int64_t i = 0; i < kKeys; ++i) {
      journal.put(fmt::format("{}", i / 3), i % 3, "h", fmt::format("{}", i));
    }
    EXPECT_EQ(journal.find("77", 2, "h"), "233");
  }
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.size(), kKeys);
  for (std::int64_t i = 0; i < kKeys; ++i) {
    ASSERT_EQ(journal.find(fmt::format("{}", i / 3), i % 3, "h"), fmt::format("{}", i));
  }
  EXPECT_EQ(journal.find("77", 3, "h"), std::nullopt);
}

// A child writes and says after each commit how far it is; killed at a random moment, everything
// it had said is there, everything that is there is whole, and there are no gaps.
TEST(JournalSlow, AKillLosesNothingThatWasCommitted) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  Random random(11);
  std::int64_t committed = 0;
  for (int trial = 0; trial < 50; ++trial) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      Journal journal(path);
      for (std::int64_t number = journal.size();; ++number) {
        journal.put(fmt::format("item {}", number), 0, "hash", value_of(number));
        if (number % 17 != 0) continue;
        journal.commit();
        if (write(ends[1], &number, sizeof(number)) < 0) _exit(1);
      }
    }
    close(ends[1]);
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(60'000)));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it ended by itself: " << status;
    for (std::int64_t number = 0; read(ends[0], &number, sizeof(number)) == sizeof(number);) {
      committed = number + 1;
    }
    close(ends[0]);
    Journal journal(path);
    const std::int64_t size = journal.size();
    ASSERT_GE(size, committed);
    for (std::int64_t number = 0; number < size; ++number) {
      ASSERT_EQ(journal.find(fmt::format("item {}", number), 0, "hash"), value_of(number));
    }
  }
  EXPECT_GT(committed, 1000);
}

TEST(Journal, AFullDiskIsNamedAndKeepsWhatWasCommitted) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  {
    Journal journal(path);
    for (std::int64_t i = 0; i < 10; ++i) journal.put(fmt::format("{}", i), 0, "h", value_of(i));
    journal.commit();
  }
  const int status = in_child([&] {
    limit_file_size(200'000);
    try {
      Journal journal(path);
      for (std::int64_t i = 10; i < 10'000; ++i) {
        journal.put(fmt::format("{}", i), 0, "h", value_of(i));
        if (i % 7 == 0) journal.commit();
      }
    } catch (const Error& error) {
      return error.kind() == ErrorKind::io ? 7 : 8;
    }
    return 9;
  });
  EXPECT_EQ(status, 7);
  Journal journal(path);
  EXPECT_GE(journal.size(), 10);
  for (std::int64_t i = 0; i < journal.size(); ++i) {
    EXPECT_EQ(journal.find(fmt::format("{}", i), 0, "h"), value_of(i));
  }
}

TEST(Journal, SaysWhatToDoWithADamagedFile) {
  const TemporaryFolder folder;
  spill(folder / "j", std::string(10'000, 'x'));
  try {
    Journal journal(folder / "j");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find("remove it"), std::string::npos) << error.what();
  }
  EXPECT_EQ(read_file(folder / "j"), std::string(10'000, 'x'));
}

// Opening it again says `word` in an error of `kind`.
void expect_refused(const fs::path& path, ErrorKind kind, const std::string& word) {
  try {
    Journal journal(path);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(word));
  }
}

// Changes a byte where `mark` stands in the file.
void damage(const fs::path& path, const std::string& mark) {
  std::string bytes = read_file(path);
  const std::size_t at = bytes.find(mark);
  ASSERT_NE(at, std::string::npos) << mark;
  bytes[at] = static_cast<char>(bytes[at] ^ 4);
  spill(path, bytes);
}

TEST(Journal, NamesAValueThatWasDamagedAndTakesItAgain) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  {
    Journal journal(path);
    journal.put("good", 0, "h", "stays as it is");
    journal.put("bad", 0, "h", "loses one bit");
  }
  damage(path, "loses one bit");
  {
    Journal journal(path);
    testing::internal::CaptureStderr();
    EXPECT_EQ(journal.find("bad", 0, "h"), std::nullopt);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("bad is damaged"));
    EXPECT_EQ(journal.damaged(), 1);
    EXPECT_EQ(journal.find("good", 0, "h"), "stays as it is");
    journal.put("bad", 0, "h", "is well again");
  }
  Journal journal(path);
  EXPECT_EQ(journal.find("bad", 0, "h"), "is well again");
  EXPECT_EQ(journal.size(), 2);
}

TEST(Journal, RefusesKeysThatWereDamaged) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  {
    Journal journal(path);
    for (const char* item : {"item one", "item two", "item six"}) journal.put(item, 0, "h", "v");
  }
  damage(path, "item two");
  expect_refused(path, ErrorKind::data, "entry 2 is not as it was written");
}

TEST(Journal, RefusesTheLayoutOfAnEarlierVersion) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "CREATE TABLE finished (item BLOB NOT NULL, attempt INTEGER NOT NULL, "
                         "request_hash BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (item, "
                         "attempt, request_hash)) WITHOUT ROWID",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  expect_refused(path, ErrorKind::user, "another version of tpt");
}

// A journal of 500 values as a kill leaves it: the last of them only in the write-ahead log.
void write_and_die(const fs::path& path) {
  const int status = in_child([&] {
    Journal journal(path);
    for (std::int64_t i = 0; i < 500; ++i) {
      journal.put(fmt::format("{}", i), 0, "h", value_of(i));
      if (i % 50 == 49) journal.commit();
    }
    _exit(7);
    return 0;
  });
  ASSERT_EQ(status, 7);
  ASSERT_GT(fs::file_size(path.string() + "-wal"), 100'000U);
}

TEST(Journal, RefusesAnEmptyFileWithALog) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  write_and_die(path);
  const std::string log = read_file(path.string() + "-wal");
  spill(path, "");
  expect_refused(path, ErrorKind::data, "its write-ahead log is not");
  EXPECT_EQ(read_file(path.string() + "-wal"), log);
}

TEST(Journal, TakesAnEmptyFileForANewOne) {
  const TemporaryFolder folder;
  spill(folder / "journal.sqlite", "");
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.size(), 0);
}

// SQLite ignores what follows the first bad frame; what is missing is counted.
TEST(Journal, CountsWhatADamagedLogLost) {
  const TemporaryFolder folder;
  for (const bool cut : {true, false}) {
    const auto path = folder / (cut ? "cut" : "flipped");
    write_and_die(path);
    std::string log = read_file(path.string() + "-wal");
    if (cut) {
      log.resize(log.size() / 2);
    } else {
      log[log.size() / 2] = static_cast<char>(log[log.size() / 2] ^ 1);
    }
    spill(path.string() + "-wal", log);
    std::int64_t size = 0;
    {
      Journal journal(path);
      size = journal.size();
      EXPECT_LT(size, 500);
      EXPECT_GT(size, 0);
      EXPECT_EQ(size % 50, 0);
      EXPECT_EQ(journal.lost(), 500 - size);
      for (std::int64_t i = 0; i < size; ++i) {
        ASSERT_EQ(journal.find(fmt::format("{}", i), 0, "h"), value_of(i));
      }
      journal.put("more", 0, "h", "value");
    }
    EXPECT_EQ(Journal(path).lost(), 0);
  }
}

TEST(Journal, NoticesATruncatedFile) {
  const TemporaryFolder folder;
  const auto path = folder / "journal.sqlite";
  {
    Journal journal(path);
    for (std::int64_t i = 0; i < 500; ++i) journal.put(fmt::format("{}", i), 0, "h", value_of(i));
  }
  for (const std::size_t left : {100'000U, 40'000U, 1000U}) {
    spill(folder / "cut.sqlite", read_file(path).substr(0, left));
    expect_refused(folder / "cut.sqlite", ErrorKind::data, "is damaged");
  }
}

}  // namespace
}  // namespace tpt::storage
