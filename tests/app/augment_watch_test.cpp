#include "app/augment_watch.h"

#include "app/terminal.h"
#include "base/json.h"
#include "base/log.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <pty.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tpt::app {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

augment::JobStatus status(std::int64_t rows) {
  return {.documents_total = 100,
          .documents_read = std::min<std::int64_t>(100, rows + 10),
          .rows_in = rows,
          .rows_written = rows,
          .in_flight = std::min<std::int64_t>(10, 100 - rows),
          .thinking_tokens = 100 * rows,
          .generated_tokens = 100 * rows};
}

std::vector<augment::EndpointStatus> endpoints(std::int64_t answers) {
  return {{.name = "http://user:sk-secret@gpu-1:8000/v1",
           .state = "up",
           .in_flight = 10,
           .limit = 32,
           .requests = answers,
           .answers = answers,
           .generated_tokens = 100 * answers,
           .gpu_seconds = 3600}};
}

std::string fetch(const std::string& arguments) {
  std::string text;
  std::FILE* pipe = popen(("curl -s --max-time 20 " + arguments).c_str(), "r");
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    text.append(buffer, got);
  }
  pclose(pipe);
  return text;
}

bool comes(const std::function<bool()>& condition) {
  for (int i = 0; i < 100; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(AugmentWatchSlow, ServesItsMetrics) {
  const TemporaryFolder folder;
  AugmentWatch watch(folder.path(), {.metrics = "127.0.0.1:0", .build = {"1.2.3", "abc"}},
                     [](const auto&) { return endpoints(7); });
  watch.on_status(status(7));
  const std::string url = watch.metrics_url();
  EXPECT_TRUE(comes([&] {
    return fetch(url).find("tpt_augment_rows_total{outcome=\"written\"} 7\n") != std::string::npos;
  }));
  const std::string page = fetch("-D - " + url);
  EXPECT_THAT(page, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_THAT(page, HasSubstr("tpt_build_info{version=\"1.2.3\",commit=\"abc\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("tpt_endpoint_limit{endpoint=\"http://gpu-1:8000/v1\"} 32\n"));
  EXPECT_THAT(page, Not(HasSubstr("sk-secret")));
  const std::string status_code = "-o /dev/null -w '%{http_code}' ";
  EXPECT_EQ(fetch(status_code + url + "x"), "404");
  EXPECT_EQ(fetch(status_code + "-d x " + url), "405");
  EXPECT_EQ(fetch(status_code + "-I " + url), "200");
  watch.finish();
  EXPECT_EQ(fetch(status_code + url), "000") << "the port is closed at the end";
}

TEST(AugmentWatchSlow, KeepsTheAccountOverCalls) {
  const TemporaryFolder folder;
  for (int call = 1; call <= 2; ++call) {
    AugmentWatch watch(folder.path(), {}, [](const auto&) { return endpoints(5); });
    watch.on_status(status(5));
    const augment::SpendRecord record = watch.finish();
    EXPECT_EQ(record.calls, call);
    EXPECT_EQ(augment::total(record.endpoints).answers, 5 * call);
    EXPECT_EQ(augment::read_spend(folder.path()), record);
  }
}

TEST(AugmentWatchSlow, SavesWhileItRuns) {
  const TemporaryFolder folder;
  std::atomic<std::int64_t> answers = 1;
  AugmentWatch watch(folder.path(), {}, [&](const auto&) { return endpoints(answers); });
  for (const std::int64_t wanted : {3, 9}) {
    answers = wanted;
    EXPECT_TRUE(comes([&] {
      return augment::total(augment::read_spend(folder.path()).endpoints).answers == wanted;
    }));
  }
}

TEST(AugmentWatchSlow, SaysWhereTheAccountCannotBeSaved) {
  const TemporaryFolder folder;
  AugmentWatch watch(folder.path(), {}, [](const auto&) { return endpoints(5); });
  std::filesystem::create_symlink("/dev/full", folder / "spend.json.partial");
  EXPECT_THROW(watch.finish(), std::exception);
}

// A child on a terminal of its own, and all that came out of it.
class OnTerminal {
 public:
  OnTerminal(ScreenSize size, const char* terminal, const std::function<void()>& child) {
    winsize window{.ws_row = static_cast<unsigned short>(size.rows),
                   .ws_col = static_cast<unsigned short>(size.columns)};
    child_ = forkpty(&terminal_, nullptr, nullptr, &window);
    if (child_ == 0) {
      setenv("TERM", terminal, 1);
      child();
      _exit(0);
    }
  }
  void wait_for(const std::string& text) {
    while (output_.find(text) == std::string::npos && read_some()) {
    }
  }
  void signal(int number) const { kill(child_, number); }
  void resize(ScreenSize size) const {
    const winsize window{.ws_row = static_cast<unsigned short>(size.rows),
                         .ws_col = static_cast<unsigned short>(size.columns)};
    ioctl(terminal_, TIOCSWINSZ, &window);
  }
  std::string finish() {
    while (read_some()) {
    }
    waitpid(child_, nullptr, 0);
    close(terminal_);
    return output_;
  }
  const std::string& output() const { return output_; }

 private:
  bool read_some() {
    char buffer[4096];
    const ssize_t got = read(terminal_, buffer, sizeof(buffer));
    if (got > 0) output_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }
  pid_t child_ = -1;
  int terminal_ = -1;
  std::string output_;
};

class OnScreenSlow : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system(fmt::format("'{}' -c 'import pyte' 2> /dev/null", TPT_PYTHON).c_str()) != 0) {
      GTEST_SKIP() << "needs pyte (make setup-test)";
    }
  }
  Json last_screen(const Json& steps) {
    storage::write_file_atomically(folder_ / "steps.json", dump_json(steps));
    const std::string command =
        fmt::format("'{}' '{}/tests/app/screen_oracle.py' '{}' > '{}'", TPT_PYTHON, TPT_SOURCE_DIR,
                    (folder_ / "steps.json").string(), (folder_ / "out").string());
    EXPECT_EQ(std::system(command.c_str()), 0);
    return parse_json(storage::read_file(folder_ / "out"), "oracle").back();
  }
  static Json resized(std::size_t columns, std::size_t rows) {
    return {{"resize", Json::array({columns, rows})}};
  }
  static std::size_t times(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) {
      ++count;
    }
    return count;
  }
  // A run that is shown for about a second, with two messages.
  void run(bool throws) const {
    try {
      AugmentWatch watch(folder_.path(), {}, [](const auto&) { return endpoints(5); });
      for (int i = 0; i <= 10; ++i) {
        watch.on_status(status(10 * i));
        if (i % 5 == 2) log_info("message {}", i);
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
      if (throws) throw std::runtime_error("torn off");
    } catch (const std::exception& problem) {
      fmt::print(stderr, "tpt: {}\n", problem.what());
    }
  }
  TemporaryFolder folder_;
};

TEST_F(OnScreenSlow, TheTableStaysAndMessagesStandAboveIt) {
  OnTerminal child({80, 24}, "xterm", [&] { run(false); });
  const std::string output = child.finish();
  const Json screen = last_screen({resized(80, 24), {{"feed", output}}});
  const auto lines = screen.at("lines").get<std::vector<std::string>>();
  EXPECT_THAT(lines, Contains(StartsWith("augment  100 of 100 rows 100.0 %")));
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("gpu-1:8000/v1"), HasSubstr("10/32"))));
  EXPECT_THAT(lines[0], HasSubstr("message 2"));
  EXPECT_THAT(lines[1], HasSubstr("message 7"));
  EXPECT_THAT(lines[2], StartsWith("augment"));
  EXPECT_EQ(screen.at("hidden"), false);
  // Below the table, at the left edge: where the shell goes on.
  const std::size_t row = screen.at("cursor")[1];
  EXPECT_EQ(screen.at("cursor")[0], 0);
  EXPECT_EQ(lines.at(row), "");
  EXPECT_NE(lines.at(row - 1), "");
  EXPECT_GT(times(output, "augment  "), 3U) << "drawn while it ran";
}

TEST_F(OnScreenSlow, AnExceptionIsSaidBelowTheTable) {
  OnTerminal child({80, 24}, "xterm", [&] { run(true); });
  const Json screen = last_screen({resized(80, 24), {{"feed", child.finish()}}});
  const auto lines = screen.at("lines").get<std::vector<std::string>>();
  const std::size_t row = screen.at("cursor")[1];
  EXPECT_EQ(lines.at(row - 1), "tpt: torn off");
  EXPECT_THAT(lines.at(row - 2), StartsWith("gpu-1"));
}

TEST_F(OnScreenSlow, AKillLeavesTheTerminalUsable) {
  OnTerminal child({80, 24}, "xterm", [&] { run(false); });
  child.wait_for("40 of");
  child.signal(SIGKILL);
  const std::string output = child.finish();
  const Json screen = last_screen({resized(80, 24), {{"feed", output + "$ "}}});
  EXPECT_EQ(screen.at("hidden"), false);
  EXPECT_EQ(screen.at("lines")[screen.at("cursor")[1].get<std::size_t>()], "$");
}

TEST_F(OnScreenSlow, FollowsTheSizeOfTheTerminal) {
  OnTerminal child({100, 30}, "xterm", [&] { run(false); });
  child.wait_for("20 of");
  const std::string before = child.output();
  child.resize({40, 10});
  const std::string output = child.finish();
  const Json screen = last_screen({resized(100, 30),
                                   {{"feed", before}},
                                   resized(40, 10),
                                   {{"feed", output.substr(before.size())}}});
  const auto lines = screen.at("lines").get<std::vector<std::string>>();
  std::size_t tables = 0;
  for (const std::string& line : lines) tables += line.starts_with("augment  ") ? 1U : 0U;
  EXPECT_EQ(tables, 1U);
  EXPECT_THAT(lines, Contains(StartsWith("augment  100 of 100 rows")));
}

TEST_F(OnScreenSlow, PlainLinesWhereNothingCanBeDrawn) {
  OnTerminal dumb({80, 24}, "dumb", [&] { run(false); });
  const std::string output = dumb.finish();
  EXPECT_THAT(output, Not(HasSubstr("\033[K")));
  EXPECT_EQ(times(output, "augment  "), 1U) << output;
  EXPECT_THAT(output, HasSubstr("augment  100 of 100 rows 100.0 %"));
}

TEST_F(OnScreenSlow, NoColourWhereNoneIsWanted) {
  setenv("NO_COLOR", "1", 1);
  OnTerminal plain({80, 24}, "xterm", [&] { run(false); });
  EXPECT_THAT(plain.finish(), Not(HasSubstr("\033[32m")));
  unsetenv("NO_COLOR");
  OnTerminal coloured({80, 24}, "xterm", [&] { run(false); });
  EXPECT_THAT(coloured.finish(), HasSubstr("\033[32m"));
}

}  // namespace
}  // namespace tpt::app
