#include "augment/dataset_card.h"

#include "augment/card_text.h"
#include "base/digest.h"
#include "base/json.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace tpt::augment {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

AugmentedDocument row(const std::string& id, std::int64_t thinking_tokens,
                      const std::string& metadata = "{}") {
  return {.document = {.id = id,
                       .text = std::string(400, 'x'),
                       .source = "corpus/part one.jsonl",
                       .metadata = metadata},
          .trajectory = {.text = "thinking",
                         .prompt_tokens = 150,
                         .thinking_tokens = thinking_tokens,
                         .context_bytes = 200,
                         .engine = "http:Qwen/Qwen3-8B@abc"}};
}

CardFacts some_facts() {
  CardFacts facts{.title = "Thinking about the sample", .engine = "http:Qwen/Qwen3-8B@abc"};
  facts.prompts.push_back({"tpt", "Read {{CONTEXT}}\nand think.", sha256_hex("x")});
  facts.recipe["augment"] = {{"temperature", 0.6}, {"top_p", 0.9}, {"stop", Json::array({"|"})}};
  facts.recipe["engine"] = {{"url", "http://secret-host/v1"}, {"model", "Qwen/Qwen3-8B"}};
  facts.rows = RowStatistics({.template_tokens = 50});
  for (int i = 0; i < 1500; ++i) {
    const char* metadata = i % 3 == 0 ? R"({"domain": "math", "license": "Apache License 2.0"})"
                                      : R"({"domain": "web", "license": "CC-BY-SA 4.0"})";
    facts.rows.written(row(std::to_string(i), i, metadata));
  }
  facts.rows.rejected(row("bad", 900, R"({"domain": "math"})"), "loop");
  facts.rows.failed(row("lost", 0));
  facts.job = {
      .thinking_tokens = 1500 * 1499 / 2 + 900, .rejected_tokens = 900, .saved_tokens = 7292};
  facts.spend.calls = 2;
  facts.spend.endpoints["http://secret-host/v1"] = {.requests = 1510,
                                                    .generated_tokens = 1'130'000,
                                                    .wasted_generated_tokens = 4000,
                                                    .gpu_seconds = 7200,
                                                    .money = 5};
  facts.build = {"0.1.0", "abcdef"};
  facts.rejected_parts = "rejected/part-*.parquet";
  return facts;
}

class DatasetCardSlow : public testing::Test {
 protected:
  Json read(const CardFacts& facts) {
    storage::write_file_atomically(folder_ / "README.md", dataset_card(facts));
    const std::string command = fmt::format(
        "'{}' '{}/tests/augment/card_oracle.py' '{}' > '{}' 2> '{}'", TPT_PYTHON, TPT_SOURCE_DIR,
        (folder_ / "README.md").string(), (folder_ / "out").string(), (folder_ / "log").string());
    const int status = std::system(command.c_str());
    EXPECT_EQ(status, 0) << storage::read_file(folder_ / "log");
    return status == 0 ? parse_json(storage::read_file(folder_ / "out"), "oracle") : Json();
  }
  static bool has_oracle() {
    return std::system(
               fmt::format("'{}' -c 'import huggingface_hub, markdown_it' 2> /dev/null", TPT_PYTHON)
                   .c_str()) == 0;
  }
  static std::vector<std::string> cells(const Json& read, const std::string& first) {
    for (const Json& line : read.at("rows")) {
      if (!line.empty() && line[0] == first) return line.get<std::vector<std::string>>();
    }
    ADD_FAILURE() << "no row " << first;
    return {};
  }
  TemporaryFolder folder_;
};

#define NEEDS_ORACLE() \
  if (!has_oracle()) GTEST_SKIP() << "needs huggingface_hub and markdown-it (make setup-test)"

TEST_F(DatasetCardSlow, TheHubReadsItsHead) {
  NEEDS_ORACLE();
  const Json card = read(some_facts());
  ASSERT_FALSE(card.is_null());
  const Json& head = card.at("head");
  EXPECT_EQ(head.at("pretty_name"), "Thinking about the sample");
  EXPECT_EQ(head.at("license"), Json::array({"apache-2.0", "cc-by-sa-4.0"}));
  EXPECT_EQ(head.at("size_categories"), Json::array({"1K<n<10K"}));
  EXPECT_EQ(head.at("configs").size(), 2U);
  EXPECT_EQ(head.at("configs")[0].at("data_files")[0].at("path"), "part-*.parquet");
  EXPECT_EQ(head.at("configs")[1].at("config_name"), "rejected");
}

TEST_F(DatasetCardSlow, CountsAddUp) {
  NEEDS_ORACLE();
  const Json card = read(some_facts());
  ASSERT_FALSE(card.is_null());
  EXPECT_THAT(cells(card, "in"), ElementsAre("in", "1,502", "100.0 %"));
  EXPECT_THAT(cells(card, "written"), ElementsAre("written", "1,500", "99.9 %"));
  EXPECT_THAT(cells(card, "rejected: loop"), ElementsAre("rejected: loop", "1", "0.07 %"));
  EXPECT_THAT(cells(card, "failed"), ElementsAre("failed", "1", "0.07 %"));
  // 100 tokens of the shown half: 200 for the whole document.
  EXPECT_THAT(cells(card, "math"),
              ElementsAre("math", "500", "1", "0", "374,250", "100,000", "3.74"));
  EXPECT_THAT(cells(card, "part one.jsonl")[1], "1,500");
  EXPECT_THAT(cells(card, "1,024 to 2,047")[1], "476");
  EXPECT_THAT(cells(card, "128 to 255")[1], "128");
  EXPECT_THAT(cells(card, "augment.temperature"), ElementsAre("augment.temperature", "0.6"));
  EXPECT_THAT(cells(card, "augment.stop")[1], R"(["|"])");
  EXPECT_THAT(cells(card, "money"), ElementsAre("money", "5.00"));
  EXPECT_THAT(cells(card, "wasted share")[1], "0.43 %");
  const std::string text = storage::read_file(folder_ / "README.md");
  EXPECT_THAT(text, Not(HasSubstr("secret-host")));
}

TEST_F(DatasetCardSlow, ThePromptStandsThereByteForByte) {
  NEEDS_ORACLE();
  CardFacts facts = some_facts();
  const std::string hostile =
      "```\n````` {{CONTEXT}}\n# no heading\n<script>\n| a | b |\n---\n\ttab  \n~~~~\n\n";
  facts.prompts = {{"mine", hostile, sha256_hex(hostile)}};
  const Json card = read(facts);
  ASSERT_FALSE(card.is_null());
  EXPECT_EQ(card.at("blocks")[0], Json::array({"text", hostile + "\n"}));
  EXPECT_THAT(card.at("html"), testing::IsEmpty());
  EXPECT_EQ(card.at("headings").back(), Json::array({"h2", "Spend"}));
}

// Whatever the documents call their domains, licences and files, the card stays a card.
TEST_F(DatasetCardSlow, HostileTextStaysText) {
  NEEDS_ORACLE();
  const std::vector<std::string> hostile = {"a | b",
                                            "</td></tr></table><script>alert(1)</script>",
                                            "[link](http://evil)",
                                            "![image](http://evil)",
                                            "**bold** _em_ `code` ~~gone~~",
                                            "two\nlines\r\n# heading\n---\nlicense: mit",
                                            "\\| escaped \\",
                                            "&lt;entity&gt; $math$",
                                            "\xff\xfe broken \x80",
                                            "\x01\x1b[31mred\x7f",
                                            "\u202Eright to left",
                                            std::string(5000, 'z'),
                                            "---",
                                            "`",
                                            "::: {.note}",
                                            "<!-- comment",
                                            "\U0001F600 emoji \u2028"};
  CardFacts facts = some_facts();
  facts.title = hostile[5];
  facts.engine = hostile[1];
  facts.decontaminated_against = hostile;
  facts.prompts[0].name = hostile[2];
  for (const std::string& text : hostile) {
    const std::string metadata = dump_json({{"domain", text}, {"license", text}});
    AugmentedDocument document = row("h", 5, metadata);
    document.document.source = text;
    document.trajectory.engine = text;
    facts.rows.written(document);
    facts.rows.rejected(document, text);
    facts.recipe["augment"][text] = text;
  }
  const Json card = read(facts);
  ASSERT_FALSE(card.is_null());
  EXPECT_EQ(card.at("head").at("pretty_name"), hostile[5]);
  EXPECT_EQ(card.at("head").at("license"), Json::array({"apache-2.0", "cc-by-sa-4.0", "other"}));
  EXPECT_THAT(card.at("html"), testing::IsEmpty());
  EXPECT_THAT(dump_json(card.at("rows")), Not(HasSubstr("_open>")));
  EXPECT_THAT(dump_json(card.at("rows")), Not(HasSubstr("<html_inline>")));
  for (const char* whole : {"a | b", "[link](http://evil)", "**bold** _em_ `code` ~~gone~~", "---",
                            "\\| escaped \\", "&lt;entity&gt; $math$"}) {
    EXPECT_EQ(cells(card, whole).size(), 7U) << whole;
  }
  std::vector<std::string> titles;
  for (const Json& heading : card.at("headings")) titles.push_back(heading[1]);
  EXPECT_THAT(titles,
              ElementsAre("two lines  # heading --- license: mit", "Counts", "Tokens of thinking",
                          "Tokens of documents", "Domains", "Sources", "Generator",
                          "Prompt: [link](http://evil)", "Decontamination", "Loading",
                          "Licences and limits", "Licences of the documents", "Spend"));
}

TEST_F(DatasetCardSlow, OnlyTheSpendTellsHowTheRunWent) {
  const CardFacts facts = some_facts();
  CardFacts other = facts;
  other.spend.calls = 9;
  other.spend.endpoints.clear();
  other.job.saved_tokens = 0;
  const auto above = [](const std::string& card) {
    return card.substr(0, card.find("\n## Spend"));
  };
  EXPECT_NE(dataset_card(facts), dataset_card(other));
  EXPECT_EQ(above(dataset_card(facts)), above(dataset_card(other)));
}

TEST_F(DatasetCardSlow, AnEmptyRunHasACardToo) {
  NEEDS_ORACLE();
  const Json card = read({.title = ""});
  ASSERT_FALSE(card.is_null());
  EXPECT_EQ(card.at("head").at("license"), "unknown");
  EXPECT_EQ(card.at("head").at("size_categories"), Json::array({"n<1K"}));
}

TEST(CardText, LicencesOfTheHub) {
  EXPECT_EQ(hub_licence("MIT"), "mit");
  EXPECT_EQ(hub_licence("The MIT License"), "mit");
  EXPECT_EQ(hub_licence("Apache License, Version 2.0"), "apache-2.0");
  EXPECT_EQ(hub_licence("cc-by-sa-4.0"), "cc-by-sa-4.0");
  EXPECT_EQ(hub_licence("CC BY-NC 4.0"), "cc-by-nc-4.0");
  EXPECT_EQ(hub_licence("GPL-3.0-or-later"), "gpl-3.0");
  EXPECT_EQ(hub_licence("ODC-By v1.0"), "odc-by");
  EXPECT_EQ(hub_licence("BSD 3-Clause \"New\""), "other");
  EXPECT_EQ(hub_licence("BSD-3-Clause"), "bsd-3-clause");
  EXPECT_EQ(hub_licence(""), "other");
  EXPECT_EQ(hub_licence("mit\nlicense: evil"), "other");
}

TEST(RowStatistics, GroupsAreBounded) {
  RowStatistics rows({.domain_field = "id"});
  for (int i = 0; i < 5000; ++i) {
    rows.written(row("x", 1, dump_json({{"id", fmt::format("domain {}", i)}})));
  }
  EXPECT_EQ(rows.domains().size(), RowStatistics::kMostGroups + 1);
  EXPECT_EQ(rows.domains().at("(others)").rows, 5000 - 200);
}

TEST(RowStatistics, FieldsOfAnyKind) {
  EXPECT_EQ(metadata_text(R"({"domain": ["a", "b"]})", "domain"), "a, b");
  EXPECT_EQ(metadata_text(R"({"domain": 7})", "domain"), "7");
  EXPECT_EQ(metadata_text(R"({"domain": null})", "domain"), "");
  EXPECT_EQ(metadata_text(R"({"other": "domain"})", "domain"), "");
  EXPECT_EQ(metadata_text("domain, not JSON", "domain"), "");
  EXPECT_EQ(metadata_text(R"({"a": 1})", ""), "");
  const std::string cut = metadata_text(dump_json({{"d", std::string(119, 'a') + "\u00e9"}}), "d");
  EXPECT_EQ(cut, std::string(119, 'a') + "...");
}

TEST(RowStatistics, CountsDocumentsOnce) {
  RowStatistics rows;
  for (std::int64_t rollout = 0; rollout < 2; ++rollout) {
    for (std::int64_t chunk = 0; chunk < 3; ++chunk) {
      AugmentedDocument one = row("x", 1);
      one.chunk = chunk;
      one.chunks = 3;
      one.trajectory.rollout = rollout;
      rows.written(one);
    }
  }
  rows.failed(row("y", 0));
  EXPECT_EQ(rows.documents(), 2);
  EXPECT_EQ(rows.most_chunks(), 3);
  EXPECT_EQ(rows.most_rollouts(), 2);
}

}  // namespace
}  // namespace tpt::augment
