#include "storage/journal.h"

#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "storage/child_process.h"

#include <fmt/core.h>

#include <thread>

namespace tpt::storage {
namespace {

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
    journal.put("a", 0, "h", "first");
    journal.put("a", 0, "h", "second");
    journal.put("a", 1, "h", "");
    journal.put("a", 2, "h", {});
    journal.put("", 0, {}, "of no name");
    journal.put(odd, 0, odd, odd);
    EXPECT_EQ(journal.find("a", 0, "h"), "first");
  }
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.size(), 5);
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

TEST(Journal, SlowWorkIsStoredItemByItem) {
  const TemporaryFolder folder;
  const int status = in_child([&] {
    Journal journal(folder / "journal.sqlite");
    journal.put("a", 0, "h", "one");
    journal.put("b", 0, "h", "soon after");
    journal.commit();
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    journal.put("b", 1, "h", "two");
    _exit(7);
    return 0;
  });
  ASSERT_EQ(status, 7);
  Journal journal(folder / "journal.sqlite");
  EXPECT_EQ(journal.find("a", 0, "h"), "one");
  EXPECT_EQ(journal.find("b", 1, "h"), "two");
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
  }
  const int status = in_child([&] {
    limit_file_size(200'000);
    try {
      Journal journal(path);
      for (std::int64_t i = 10; i < 10'000; ++i) {
        journal.put(fmt::format("{}", i), 0, "h", value_of(i));
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

}  // namespace
}  // namespace tpt::storage
