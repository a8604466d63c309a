#include "app/status_view.h"

#include "app/screen_painter.h"
#include "base/json.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace tpt::app {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

augment::EndpointStatus endpoint(const std::string& name, const std::string& state,
                                 std::int64_t errors) {
  return {.name = name,
          .state = state,
          .in_flight = state == "up" ? 60 : 0,
          .limit = 64,
          .failures = {{"busy", errors}}};
}

StatusView some_view(int endpoints) {
  StatusView view{.rows_per_second = 41.23,
                  .prompt_tokens_per_second = 3400,
                  .generated_tokens_per_second = 120'400};
  view.job = {.documents_total = 50'000,
              .documents_read = 13'000,
              .rows_in = 12'345,
              .rows_written = 12'001,
              .rows_rejected = 300,
              .rows_failed = 44,
              .rejected_by_reason = {{"loop", 120}, {"too_short", 100}, {"language", 80}},
              .in_flight = 655,
              .seconds = 300,
              .seconds_left = 1387};
  view.spend = {.generated_tokens = 36'000'000,
                .kept_tokens = 33'000'000,
                .unused_tokens = 1'000'000,
                .wasted_share = 0.0412,
                .gpu_hours = 12.345,
                .money = 45.6,
                .money_per_million_kept = 1.38};
  for (int i = 0; i < endpoints; ++i) {
    view.endpoints.push_back(endpoint(fmt::format("http://gpu-{}:8000/v1", i), "up", 0));
    view.endpoint_tokens_per_second[view.endpoints.back().name] = 12'040;
  }
  return view;
}

class StatusViewSlow : public testing::Test {
 protected:
  static Json resize(ScreenSize size) {
    return {{"resize", Json::array({size.columns, size.rows})}};
  }
  static Json feed(const std::string& bytes) { return {{"feed", bytes}}; }
  Json screens(const Json& steps) {
    storage::write_file_atomically(folder_ / "steps.json", dump_json(steps));
    const std::string command = fmt::format(
        "'{}' '{}/tests/app/screen_oracle.py' '{}' > '{}' 2> '{}'", TPT_PYTHON, TPT_SOURCE_DIR,
        (folder_ / "steps.json").string(), (folder_ / "out").string(), (folder_ / "log").string());
    EXPECT_EQ(std::system(command.c_str()), 0) << storage::read_file(folder_ / "log");
    return parse_json(storage::read_file(folder_ / "out"), "oracle");
  }
  static bool has_oracle() {
    return std::system(fmt::format("'{}' -c 'import pyte' 2> /dev/null", TPT_PYTHON).c_str()) == 0;
  }
  static std::vector<std::string> lines(const Json& screen) {
    std::vector<std::string> all = screen.at("lines").get<std::vector<std::string>>();
    while (!all.empty() && all.back().empty()) all.pop_back();
    return all;
  }
  TemporaryFolder folder_;
};

#define NEEDS_ORACLE() \
  if (!has_oracle()) GTEST_SKIP() << "needs pyte (make setup-test)"

TEST_F(StatusViewSlow, StandsOnTheScreenAsDrawn) {
  NEEDS_ORACLE();
  const ScreenSize size{.columns = 80, .rows = 24};
  ScreenPainter painter;
  Json steps = {resize(size), feed("$ tpt augment corpus/\r\n")};
  const auto table = status_table(some_view(12), size, false);
  for (int i = 0; i < 3; ++i) steps.push_back(feed(painter.show(table, size)));
  const Json shown = screens(steps);
  const auto last = lines(shown.back());
  EXPECT_EQ(shown[2].at("lines"), shown[4].at("lines"));
  EXPECT_EQ(last[0], "$ tpt augment corpus/");
  EXPECT_EQ(last[1],
            "augment  12,345 of 50,000 rows 24.7 %  23m07s left  41.2 rows/s  5m00s so far");
  EXPECT_THAT(last[2], AllOf(StartsWith("[#####"), testing::EndsWith("---]")));
  EXPECT_EQ(last[3], "tokens   120.4k out/s  3400 in/s  4.1 % wasted  0 saved");
  EXPECT_EQ(last[4], "rows     12,001 written  300 rejected  44 failed  655 in flight");
  EXPECT_EQ(last[5], "rejected 120 loop  100 too_short  80 language");
  EXPECT_EQ(last[6], "spend    45.60 money  1.38 a million kept  12.35 GPU-hours  36.0M generated");
  EXPECT_EQ(last[7], "fleet    12 up  720 of 768 in flight");
  EXPECT_THAT(last[9], AllOf(StartsWith("gpu-0:8000/v1 "), HasSubstr("60/64"), HasSubstr("12.0k")));
  EXPECT_EQ(last.size(), 1U + 8U + 12U);
  // The cursor waits below, and was never hidden.
  EXPECT_EQ(shown.back().at("cursor"), Json::array({0, last.size()}));
  EXPECT_EQ(shown.back().at("hidden"), false);
  EXPECT_EQ(shown.back().at("coloured"), 0);
}

TEST_F(StatusViewSlow, AThousandEndpointsOnASmallScreen) {
  NEEDS_ORACLE();
  for (const ScreenSize size : {ScreenSize{80, 24}, ScreenSize{40, 10}, ScreenSize{20, 5},
                                ScreenSize{300, 60}, ScreenSize{3, 2}, ScreenSize{1, 1}}) {
    StatusView view = some_view(1000);
    view.endpoints[700].state = "down";
    view.endpoints[800].failures["broken"] = 77;
    ScreenPainter painter;
    Json steps = {resize(size)};
    for (int i = 0; i < 4; ++i) {
      steps.push_back(feed(painter.show(status_table(view, size, i % 2 == 1), size)));
    }
    const Json shown = screens(steps);
    const auto last = lines(shown.back());
    // Drawn in place: nothing scrolled away, and the line below is free for the cursor.
    EXPECT_EQ(shown[1].at("lines"), shown[4].at("lines")) << size.columns;
    EXPECT_LE(last.size(), std::max<std::size_t>(size.rows - 1, 1));
    if (size.rows < 24) continue;
    EXPECT_THAT(last, testing::Contains(AllOf(StartsWith("gpu-700:8000/v1"), HasSubstr("down"))));
    EXPECT_THAT(last, testing::Contains(AllOf(StartsWith("gpu-800:8000/v1"), HasSubstr("77"))));
    EXPECT_THAT(last.back(), HasSubstr(fmt::format("{} more", 1000 - (size.rows - 10))));
    EXPECT_THAT(last, testing::Contains(HasSubstr("999 up")));
    EXPECT_GT(shown.back().at("coloured"), 0);
  }
}

TEST_F(StatusViewSlow, NarrowScreensShowWhatMatters) {
  NEEDS_ORACLE();
  const ScreenSize size{.columns = 40, .rows = 10};
  ScreenPainter painter;
  const Json shown =
      screens({resize(size), feed(painter.show(status_table(some_view(3), size, true), size))});
  const auto last = lines(shown.back());
  EXPECT_EQ(last[0], "augment  12,345 of 50,000 rows 24.7 %");
  EXPECT_THAT(last, testing::Contains(HasSubstr("gpu-2")));
  EXPECT_EQ(last.size(), 9U);
}

TEST_F(StatusViewSlow, HostileNamesStayInTheirCells) {
  const std::vector<std::string> hostile = {
      "http://a/\033[2J\033[H\033]0;title\007",
      "line\r\nbreak\ttab",
      "\xff\xfe\x80 broken",
      "\u202Eleft \u4e2d\u6587 \U0001F600 wide",
      std::string(5000, 'x'),
      "http://gpu-with-a-very-long-name.region-7.internal.example.com:8000/deployments/qwen3/v1",
      "http://user:sk-secret@host/v1?key=sk-other",
      ""};
  StatusView view = some_view(0);
  for (const std::string& name : hostile) {
    const bool secret = name.find("sk-") != std::string::npos;
    view.endpoints.push_back(endpoint(name, secret ? "up" : name, 3));
  }
  view.job.rejected_by_reason = {{"\033[31m\n", 5}, {std::string(300, 'y'), 4}, {"loop", 3}};
  for (const std::size_t columns : {20U, 40U, 80U, 200U}) {
    for (const std::string& line : status_table(view, {columns, 30}, false)) {
      EXPECT_LT(line.size(), columns);
      EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char letter) {
        return letter >= 0x20 && letter < 0x7F;
      })) << line;
      EXPECT_THAT(line, Not(HasSubstr("sk-")));
    }
  }
  const auto table = status_table(view, {80, 30}, false);
  EXPECT_THAT(table, testing::Contains(AllOf(StartsWith("gpu-with-a-"), HasSubstr("..."),
                                             HasSubstr("qwen3/v1 "))));
  EXPECT_THAT(table, testing::Contains(HasSubstr("3 loop")));
}

TEST_F(StatusViewSlow, ResizingLeavesNoRemains) {
  NEEDS_ORACLE();
  const StatusView view = some_view(30);
  ScreenPainter painter;
  Json steps = Json::array();
  std::vector<std::vector<std::string>> wanted;
  for (const ScreenSize size :
       {ScreenSize{100, 30}, ScreenSize{50, 12}, ScreenSize{120, 12}, ScreenSize{60, 40}}) {
    steps.push_back(resize(size));
    steps.push_back(feed(painter.show(status_table(view, size, false), size)));
    wanted.push_back(status_table(view, size, false));
  }
  const Json shown = screens(steps);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto on_screen = lines(shown[2 * i + 1]);
    for (std::string& line : wanted[i]) line.erase(line.find_last_not_of(' ') + 1);
    EXPECT_EQ(on_screen, wanted[i]) << i;
  }
}

TEST_F(StatusViewSlow, MessagesStandAboveAndStay) {
  NEEDS_ORACLE();
  const ScreenSize size{.columns = 80, .rows = 12};
  const auto table = status_table(some_view(1), size, false);
  ScreenPainter painter;
  Json steps = {resize(size)};
  steps.push_back(feed(painter.show(table, size)));
  for (int i = 0; i < 4; ++i) {
    const std::string message = painter.print_above(fmt::format("message {}", i));
    steps.push_back(feed(message + painter.show(table, size)));
  }
  // A shorter table after a longer one leaves nothing of it.
  steps.push_back(feed(painter.show({"short"}, size)));
  const Json shown = screens(steps);
  const auto before = lines(shown[shown.size() - 2]);
  EXPECT_EQ(before.size(), table.size() + 4);
  EXPECT_THAT(before[before.size() - table.size() - 1], "message 3");
  const auto last = lines(shown.back());
  EXPECT_EQ(last.back(), "short");
  EXPECT_EQ(last[last.size() - 2], "message 3");
}

TEST(StatusLine, SaysItInOneLine) {
  EXPECT_EQ(status_line(some_view(12)),
            "augment  12,345 of 50,000 rows 24.7 %  41.2 rows/s  120.4k tokens/s  12,001 written  "
            "300 rejected  44 failed  4.1 % wasted  45.60 money  12 of 12 endpoints up  23m07s "
            "left");
  // Nothing known yet: nothing invented.
  EXPECT_EQ(status_line({.job = {.seconds_left = -1}}),
            "augment  0 rows  0.0 rows/s  0.0 tokens/s  0 written  0 rejected  0 failed  0.0 % "
            "wasted");
}

}  // namespace
}  // namespace tpt::app
