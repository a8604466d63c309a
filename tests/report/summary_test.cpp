#include "report/summary.h"

#include "report/example_page.h"
#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tpt::report {
namespace {

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) {
    keys.push_back(key);
  }
  return keys;
}

TEST(Summary, HasTheKeysThatItsReadersKnow) {
  const Json json = summary(example_page());
  const std::vector<std::string> keys = keys_of(json);
  ASSERT_GE(keys.size(), 6U);
  EXPECT_EQ(std::vector<std::string>(keys.begin(), keys.begin() + 6),
            (std::vector<std::string>{"vanilla", "tpt", "shuffled", "data_efficiency",
                                      "length_steps_spearman", "augment"}));
  for (const char* arm : {"vanilla", "tpt", "shuffled"}) {
    ASSERT_EQ(json[arm].size(), 4U);
    EXPECT_EQ(json[arm][3]["tokens"], 2000000);
    EXPECT_TRUE(json[arm][3]["accuracy"].is_number());
    EXPECT_TRUE(json[arm][3]["stderr"].is_number());
  }
  EXPECT_NEAR(json["tpt"][3]["accuracy"].get<double>(), (186 + 231) / 600.0, 1e-12);
  EXPECT_EQ(json["data_efficiency"], "> 2.68, not reached");
  EXPECT_GT(json["length_steps_spearman"].get<double>(), 0.9);
  // Of the language model's flow, not of the rule's.
  EXPECT_EQ(json["augment"]["documents"], 48);
  EXPECT_EQ(json["augment"]["seconds"], 112.4);
  EXPECT_EQ(json["augment"]["engine_is_rule"], false);
}

TEST(Summary, LeavesNullWhatWasNotMeasured) {
  const Json json = summary(Page{});
  EXPECT_EQ(json["vanilla"], Json::array());
  EXPECT_TRUE(json["data_efficiency"].is_null());
  EXPECT_TRUE(json["length_steps_spearman"].is_null());
  EXPECT_TRUE(json["augment"].is_null());
  Page page;
  page.flows.emplace_back().augment.emplace().documents = 3;
  EXPECT_TRUE(summary(page)["augment"]["seconds"].is_null());
}

TEST(Summary, IsJsonWhateverTheTexts) {
  const Json json = summary(hostile_page());
  EXPECT_EQ(parse_json(dump_json(json), "summary")["tpt"], json["tpt"]);
}

TEST(Write, LeavesBothFiles) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "tpt-write";
  std::filesystem::create_directories(folder);
  write(example_page(), folder / "report.html", folder / "summary.json");
  EXPECT_GT(std::filesystem::file_size(folder / "report.html"), 1000000U);
  EXPECT_LT(std::filesystem::file_size(folder / "report.html"), 2000000U);
  const Json json = Json::parse(std::ifstream(folder / "summary.json"));
  EXPECT_EQ(json, Json::parse(dump_json(summary(example_page()))));
}

TEST(AddDocument, ReadsTheMetadataAndShowsEveryDomainAndReason) {
  AugmentPart part;
  const auto add = [&](const std::string& domain, bool kept, const std::string& reason) {
    AugmentedDocument row;
    row.document.id = "id";
    row.document.metadata = dump_json({{"domain", domain}, {"steps", 4}, {"license", "CC0"}});
    row.trajectory.thinking_tokens = 7;
    add_document(part, row, kept, reason, 2);
  };
  for (const char* domain : {"math", "math", "math", "law", "code"}) {
    add(domain, true, "");
  }
  for (const char* reason : {"short", "short", "loop"}) {
    add("math", false, reason);
  }
  ASSERT_EQ(part.points.size(), 8U);
  EXPECT_EQ(part.points[0].domain, "math");
  EXPECT_EQ(part.points[0].steps, 4);
  EXPECT_EQ(part.points[0].thinking_tokens, 7);
  std::vector<std::string> shown;
  for (const SampleDocument& sample : part.samples) {
    shown.push_back(sample.kept ? sample.domain : sample.reason);
  }
  EXPECT_THAT(shown, ::testing::UnorderedElementsAre("math", "law", "short", "loop"));
  EXPECT_EQ(part.samples[0].license, "CC0");
}

TEST(AddDocument, TakesMetadataThatIsNoObject) {
  for (const char* metadata : {"", "[]", "null", "{", "\"x\"", R"({"domain": 3, "steps": "many"})",
                               R"({"domain": null, "steps": 1.5})"}) {
    AugmentPart part;
    AugmentedDocument row;
    row.document.metadata = metadata;
    add_document(part, row, true, "");
    EXPECT_EQ(part.points[0].steps, -1) << metadata;
  }
}

}  // namespace
}  // namespace tpt::report
