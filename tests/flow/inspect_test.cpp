// tpt inspect as a person has it: printed, and on a pseudo-terminal with keys.
#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <pty.h>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace tpt::flow {
namespace {

using testing::HasSubstr;
using testing::Not;

class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments) {
    std::vector<std::string> words = {TPT_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    winsize size{.ws_row = 30, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    child_ = forkpty(&master_, nullptr, nullptr, &size);
    if (child_ == 0) {
      execv(pointers[0], pointers.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // What was drawn until `part` stands in it, or until ten seconds have passed.
  std::string until(const std::string& part) {
    std::string drawn;
    for (int waited = 0; waited < 100 && drawn.find(part) == std::string::npos;) {
      pollfd input{.fd = master_, .events = POLLIN, .revents = 0};
      if (poll(&input, 1, 100) <= 0) {
        ++waited;
        continue;
      }
      std::array<char, 4096> block{};
      const ssize_t got = read(master_, block.data(), block.size());
      if (got <= 0) break;
      drawn.append(block.data(), static_cast<std::size_t>(got));
    }
    return drawn;
  }
  void type(const std::string& keys) {
    ASSERT_EQ(write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  int status() {
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t child_ = -1;
  int master_ = -1;
};

class Inspect : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream file(folder_ / "documents.jsonl");
    file << R"({"id":"evil-0 \u001b]0;owned\u0007 \u001b[2J \u4e2d\u6587","text":"7-3*4+8=4."})"
         << "\n";
    file << R"({"id":"short-1","text":"The old porter moves the lamp."})" << "\n";
    for (int i = 2; i < 8; ++i) {
      file << R"({"id":"plain-)" << i << R"(","text":"7-3*4+8=4."})" << "\n";
    }
    file.close();
    const Outcome augmented =
        run({"augment", at("documents.jsonl"), "--engine", "expert", "--out", at("augmented")});
    ASSERT_EQ(augmented.status, 0) << augmented.errors;
    const Outcome filtered =
        run({"filter", at("augmented"), "--min-characters", "0", "--out", at("filtered")});
    ASSERT_EQ(filtered.status, 0) << filtered.errors;
  }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder folder_;
};

TEST_F(Inspect, PrintsRowsWhereThereIsNoTerminal) {
  const Outcome all = run({"inspect", at("filtered"), "--width", "60", "--count", "0"});
  EXPECT_EQ(all.status, 0) << all.errors;
  EXPECT_THAT(all.output, HasSubstr("evil-0"));
  EXPECT_THAT(all.output, HasSubstr("rejected: "));
  EXPECT_THAT(all.output, HasSubstr("\u241b]0;owned\u2407"));
  EXPECT_THAT(all.output, Not(HasSubstr("\033")));
  const Outcome one = run({"inspect", at("filtered"), "--id", "plain-3", "--json"});
  EXPECT_EQ(Json::parse(one.output).at("id"), "plain-3");
  const Json summary = Json::parse(run({"inspect", at("filtered"), "--summary", "--json"}).output);
  EXPECT_EQ(summary.at("rows"), 8);
  EXPECT_EQ(summary.at("kept").get<int>() + summary.at("rejected").get<int>(), 8);
  EXPECT_THAT(run({"inspect", at("filtered"), "--reason", "nothing"}).output,
              HasSubstr("no such row"));
  EXPECT_EQ(run({"inspect", at("filtered"), "--kept", "--rejected"}).status, 2);
  EXPECT_EQ(run({"inspect", at("nowhere")}).status, 2);
  EXPECT_EQ(run({"inspect", at("filtered"), "--row", "0"}).status, 2);
  EXPECT_THAT(run({"inspect", at("augmented"), "--row", "2", "--count", "1"}).output,
              HasSubstr("short-1"));
}

// What a reader sees of a folder's rejected rows: id, reason, detail.
std::vector<std::array<std::string, 3>> rejected_rows(const std::string& folder) {
  const Outcome outcome = run({"inspect", folder, "--rejected", "--count", "0", "--json"});
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  std::vector<std::array<std::string, 3>> rows;
  std::istringstream lines(outcome.output);
  for (std::string line; std::getline(lines, line);) {
    const Json row = Json::parse(line);
    rows.push_back({row.at("id"), row.at("reason"), row.at("detail")});
  }
  return rows;
}

TEST_F(Inspect, TheGateInLineSetsAsideWhatFilterDoesWithTheSameDetail) {
  const Outcome gated = run({"augment", at("documents.jsonl"), "--engine", "expert", "--gate",
                             "--min-characters", "0", "--out", at("gated")});
  ASSERT_EQ(gated.status, 0) << gated.errors;
  const auto rows = rejected_rows(at("gated"));
  EXPECT_EQ(rows, rejected_rows(at("filtered")));
  EXPECT_FALSE(rows.empty());
}

TEST_F(Inspect, ShardsAreOneFolderOfKeptAndRejectedRows) {
  for (const char* shard : {"0/3", "1/3", "2/3"}) {
    const Outcome one = run({"augment", at("documents.jsonl"), "--engine", "expert", "--gate",
                             "--min-characters", "0", "--shard", shard, "--out", at("shards")});
    ASSERT_EQ(one.status, 0) << one.errors;
  }
  EXPECT_EQ(rejected_rows(at("shards")), rejected_rows(at("filtered")));
  const auto summary = [this](const char* folder) {
    const Json all = Json::parse(run({"inspect", at(folder), "--summary", "--json"}).output);
    return std::array<std::int64_t, 3>{all.at("rows"), all.at("kept"), all.at("rejected")};
  };
  EXPECT_EQ(summary("shards"), summary("filtered"));
  EXPECT_EQ(summary("shards")[0], 8);
  const Outcome kept = run({"inspect", at("shards"), "--kept", "--count", "0", "--json"});
  EXPECT_EQ(std::count(kept.output.begin(), kept.output.end(), '\n'), summary("shards")[1]);
  const Outcome one = run({"inspect", at("shards"), "--id", "plain-7", "--json"});
  EXPECT_EQ(Json::parse(one.output).at("id"), "plain-7");
}

TEST_F(Inspect, PagesOnATerminal) {
  Terminal terminal({"inspect", at("augmented")});
  EXPECT_THAT(terminal.until("row 1 of 8"), HasSubstr("evil-0"));
  terminal.type("n");
  EXPECT_THAT(terminal.until("row 2 of 8"), HasSubstr("short-1"));
  terminal.type("p");
  const std::string hostile = terminal.until("row 1 of 8");
  EXPECT_THAT(hostile, HasSubstr("\u241b]0;owned"));
  EXPECT_THAT(hostile, Not(HasSubstr("\033]0;")));
  EXPECT_THAT(hostile, Not(HasSubstr("\033[2J")));
  terminal.type("g6\n");
  EXPECT_THAT(terminal.until("row 6 of 8"), HasSubstr("plain-5"));
  terminal.type("/plain-7\n");
  EXPECT_THAT(terminal.until("row 8 of 8"), HasSubstr("plain-7"));
  terminal.type("\033[Cq");
  EXPECT_THAT(terminal.until("\033[?1049l"), HasSubstr("this is the last one"));
  EXPECT_EQ(terminal.status(), 0);
}

TEST_F(Inspect, LeavesTheTerminalAsItWasWhenItIsStopped) {
  Terminal terminal({"inspect", at("filtered")});
  terminal.until("of 8");
  terminal.type("x");
  terminal.until("kept");
  terminal.type("\003");
  EXPECT_THAT(terminal.until("\033[?1049l"), HasSubstr("\033[?1049l"));
}

}  // namespace
}  // namespace tpt::flow
