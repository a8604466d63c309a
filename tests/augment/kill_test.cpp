// kill -9 at random moments, again and again: the final bytes are those of an uninterrupted run,
// and what was journaled is not generated again.
#include "augment/scenario.h"
#include "base/random.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <set>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace tpt::augment {
namespace {

namespace fs = std::filesystem;

// Starts this program as a child that runs the scenario.
pid_t start_child(const fs::path& folder, const fs::path& log) {
  std::string program = fs::read_symlink("/proc/self/exe").string();
  std::string mode = "child";
  std::string folder_name = folder.string();
  std::string log_name = log.string();
  char* const arguments[] = {program.data(), mode.data(), folder_name.data(), log_name.data(),
                             nullptr};
  pid_t child = 0;
  EXPECT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ), 0);
  return child;
}

// The documents in the journal of a killed child, read from a copy: the next child is to find the
// files as the kill left them.
std::set<std::string> journaled(const fs::path& folder, const fs::path& scratch) {
  fs::remove_all(scratch);
  fs::create_directories(scratch);
  for (const char* name : {"journal.sqlite", "journal.sqlite-wal"}) {
    if (fs::exists(folder / name)) {
      fs::copy_file(folder / name, scratch / name);
    }
  }
  std::set<std::string> items;
  sqlite3* database = nullptr;
  sqlite3_stmt* select = nullptr;
  EXPECT_EQ(sqlite3_open((scratch / "journal.sqlite").c_str(), &database), SQLITE_OK);
  // No such table: killed before the journal was made.
  if (sqlite3_prepare_v2(database, "SELECT item FROM finished", -1, &select, nullptr) ==
      SQLITE_OK) {
    while (sqlite3_step(select) == SQLITE_ROW) {
      items.emplace(static_cast<const char*>(sqlite3_column_blob(select, 0)),
                    static_cast<std::size_t>(sqlite3_column_bytes(select, 0)));
    }
  }
  sqlite3_finalize(select);
  sqlite3_close(database);
  return items;
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

// Waits for the child, or kills it once `moment` has passed. True if it was killed.
bool killed_at(pid_t child, std::chrono::milliseconds moment) {
  const auto end = std::chrono::steady_clock::now() + moment;
  int status = 0;
  while (std::chrono::steady_clock::now() < end) {
    if (waitpid(child, &status, WNOHANG) == child) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return true;
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return false;
}

struct Story {
  int kills = 0;
  std::int64_t generated = 0;
};

// Kills children in `folder` until one finishes; checks each one's log against the journal.
Story kill_until_finished(const fs::path& folder, const fs::path& beside, Random& random,
                          int kills_wanted, std::uint64_t longest_ms) {
  Story story;
  std::set<std::string> before;
  for (bool finished = false; !finished;) {
    const fs::path log = beside / "generated.log";
    fs::remove(log);
    const pid_t child = start_child(folder, log);
    const std::uint64_t moment =
        story.kills < kills_wanted ? random.below(longest_ms) : std::uint64_t{60'000};
    finished = !killed_at(child, std::chrono::milliseconds(moment));
    story.kills += finished ? 0 : 1;
    for (const std::string& id : lines_of(log)) {
      EXPECT_FALSE(before.contains(id)) << id << " was journaled and is generated again";
      ++story.generated;
    }
    std::set<std::string> after = journaled(folder, beside / "copy");
    for (const std::string& id : before) {
      EXPECT_TRUE(after.contains(id)) << id << " was journaled and is lost";
    }
    before = std::move(after);
  }
  return story;
}

TEST(SlowKill, FiftyKillsChangeNothing) {
  const TemporaryFolder temporary;
  const std::vector<Document> documents = scenario_documents(400);
  engine::FakeEngine engine(scenario_engine(std::chrono::milliseconds(0)));
  run_scenario(scenario_config(), documents, engine, temporary.path() / "whole", {},
               {.gate = scenario_gate, .on_status = {}});
  const auto expected = parquet_bytes(temporary.path() / "whole");
  ASSERT_GE(expected.size(), 6U);
  ASSERT_TRUE(expected.contains("rejected/part-00001.parquet"));
  std::set<std::string> ids;
  for (const Document& document : documents) {
    ids.insert(document.id);
  }

  Random random(20250916);
  int kills = 0;
  for (int round = 0; kills < 50; ++round) {
    const fs::path folder = temporary.path() / std::to_string(round);
    const Story story = kill_until_finished(folder, temporary.path(), random, 50 - kills, 250);
    kills += story.kills;
    EXPECT_EQ(parquet_bytes(folder), expected) << "round " << round;
    EXPECT_EQ(journaled(folder, temporary.path() / "copy"), ids);
    // At most what was in flight at a kill is generated again.
    const std::int64_t in_flight = 8 + 8 / 4 + 1;
    const auto wanted = static_cast<std::int64_t>(ids.size());
    EXPECT_GE(story.generated, wanted);
    EXPECT_LE(story.generated, wanted + story.kills * in_flight);
    EXPECT_FALSE(fs::exists(folder / "failed.jsonl"));
  }
  EXPECT_EQ(kills, 50);
}

}  // namespace
}  // namespace tpt::augment
