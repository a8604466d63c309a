#include "report/chromium.h"
#include "report/example_page.h"
#include "report/html.h"
#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

namespace tpt::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::filesystem::path written(const Page& page, const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / ("tpt-" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "report.html", std::ios::binary) << render(page);
  return folder / "report.html";
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// The parts of the DOM inside the charts' elements, one for each.
std::vector<std::string> charts_of(const std::string& dom) {
  std::vector<std::string> charts;
  for (std::size_t at = dom.find("<div class=\"chart\""); at != std::string::npos;
       at = dom.find("<div class=\"chart\"", at + 1)) {
    charts.push_back(dom.substr(at, dom.find("</figure>", at) - at));
  }
  return charts;
}

void expect_drawn(const std::string& dom, std::size_t charts) {
  const std::vector<std::string> found = charts_of(dom);
  EXPECT_EQ(found.size(), charts);
  for (const std::string& chart : found) {
    const std::string start = chart.substr(0, 200);
    EXPECT_THAT(chart, HasSubstr("<svg")) << start;
    EXPECT_GT(occurrences(chart, "<path"), 4U) << start;
    EXPECT_GT(occurrences(chart, "<text"), 4U) << start;
  }
}

// Every tag of a serialised page with its attributes. Text and scripts are left out: in text every
// "<" is written "&lt;".
std::vector<std::string> tags_of(const std::string& dom) {
  std::vector<std::string> tags;
  for (std::size_t at = dom.find('<'); at != std::string::npos; at = dom.find('<', at)) {
    const std::size_t begin = at;
    for (bool quoted = false; at < dom.size() && (quoted || dom[at] != '>'); ++at) {
      quoted = quoted != (dom[at] == '"');
    }
    tags.push_back(dom.substr(begin, at - begin));
    if (tags.back().rfind("<script", 0) == 0) {
      at = dom.find("</script", at);
    }
  }
  return tags;
}

std::string without_values(const std::string& tag) {
  return std::regex_replace(tag, std::regex("\"[^\"]*\""), "");
}

std::set<std::string> kinds_of_elements(const std::string& dom) {
  std::set<std::string> kinds;
  for (const std::string& tag : tags_of(dom)) {
    kinds.insert(tag.substr(0, tag.find_first_of(" \n")));
  }
  return kinds;
}

// The browser complains on its console about what a policy refused and what a script threw.
void expect_quiet(const std::string& log) {
  EXPECT_THAT(log, Not(HasSubstr("Content Security Policy")));
  EXPECT_THAT(log, Not(HasSubstr("Uncaught")));
  EXPECT_THAT(log, Not(HasSubstr("CONSOLE")));
}

TEST(PageInChromium, DrawsEveryChartWithoutAComplaint) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  const Opened opened = open_page(written(example_page(), "example"));
  ASSERT_EQ(opened.status, 0) << opened.log;
  expect_drawn(opened.dom, 10);
  expect_quiet(opened.log);
}

TEST(PageInChromium, HostileTextsRunNothingAndChartsAreDrawn) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  const Opened opened = open_page(written(hostile_page(), "hostile"));
  ASSERT_EQ(opened.status, 0) << opened.log;
  EXPECT_THAT(opened.dom, HasSubstr("<title>What the thinking bought</title>"));
  EXPECT_THAT(opened.dom, Not(HasSubstr("<title>RAN")));
  expect_drawn(opened.dom, 10);
  expect_quiet(opened.log);  // not even a refused attempt: no hostile markup became an element
  // Markup of ours only: the same kinds of elements as without hostile texts, and no handlers.
  const Opened harmless = open_page(written(example_page(), "harmless"));
  EXPECT_THAT(kinds_of_elements(opened.dom),
              ::testing::IsSubsetOf(kinds_of_elements(harmless.dom)));
  for (const std::string& tag : tags_of(opened.dom)) {
    EXPECT_FALSE(std::regex_search(without_values(tag), std::regex("\\son\\w|href"))) << tag;
  }
  EXPECT_THAT(opened.dom, HasSubstr("&lt;script&gt;document.title='RAN-1'"));
}

// The test above must be able to fail: the same text as markup does run in this browser.
TEST(PageInChromium, TheSameTextWouldRunUnescaped) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  const std::filesystem::path html = written({}, "unescaped");
  std::ofstream(html) << "<title>untouched</title>" << hostile_texts()[2];
  const Opened opened = open_page(html);
  EXPECT_THAT(opened.dom, HasSubstr("<title>RAN-3</title>"));
}

// And where escaping failed, the page's policy would still refuse to run it.
TEST(PageInChromium, ThePolicyIsASecondWall) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  const std::filesystem::path html = written({}, "policy");
  std::string page = render(Page{});
  page.insert(page.find("<main>"), "<script>document.title='RAN'</script>" + hostile_texts()[2]);
  std::ofstream(html) << page;
  const Opened opened = open_page(html);
  EXPECT_THAT(opened.dom, Not(HasSubstr("<title>RAN")));
  EXPECT_THAT(opened.log, HasSubstr("Content Security Policy"));
}

// Pointing at every mark of every chart shows its name as text.
TEST(PageInChromium, TooltipsOfHostileNamesRunNothing) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  const std::filesystem::path html = written(hostile_page(), "tooltips");
  std::string page = render(hostile_page());
  const std::size_t policy = page.find("<meta http-equiv");
  page.erase(policy, page.find('>', policy) + 1 - policy);  // so that only escaping stands
  page.insert(page.rfind("</body>"), R"(<script>
    let shown = '';
    for (const element of document.querySelectorAll('.chart')) {
      const chart = echarts.getInstanceByDom(element);
      chart.getOption().series.forEach((series, seriesIndex) => {
        series.data.forEach((item, dataIndex) => {
          chart.dispatchAction({ type: 'showTip', seriesIndex, dataIndex });
          shown += element.textContent.includes('RAN-2') ? '+' : '-';
        });
      });
    }
    document.documentElement.dataset.shown = shown;
  </script>)");
  std::ofstream(html) << page;
  const Opened opened = open_page(html);
  EXPECT_THAT(opened.dom, HasSubstr("<title>What the thinking bought</title>"));
  EXPECT_THAT(opened.dom, ::testing::ContainsRegex("data-shown=\"[-+]*[+]"));
  EXPECT_THAT(kinds_of_elements(opened.dom), Not(::testing::Contains("<img")));
  EXPECT_THAT(kinds_of_elements(opened.dom), Not(::testing::Contains("<iframe")));
}

TEST(PageInChromium, AnEmptyPageIsAPage) {
  if (chromium().empty()) {
    GTEST_SKIP() << "needs chromium: make setup-test";
  }
  Page page;
  Flow flow;
  flow.title = "nothing in it";
  flow.augment.emplace();
  flow.filter.emplace();
  flow.pack.emplace();
  flow.experiment.emplace();
  page.flows = {Flow{}, flow};
  const Opened opened = open_page(written(page, "empty"));
  expect_quiet(opened.log);
  EXPECT_THAT(opened.dom, HasSubstr("No comparison"));
}

}  // namespace
}  // namespace tpt::report
