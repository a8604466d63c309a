#include "lab/document_source.h"

#include "base/error.h"
#include "lab/chain.h"
#include "lab/expert_engine.h"
#include "lab/plain.h"
#include "lab/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tpt::lab {
namespace {

std::vector<Document> all_of(const Config& config, Split split = Split::training) {
  DocumentSource source(config, split);
  std::vector<Document> documents;
  for (Document document; source.next(document);) {
    documents.push_back(document);
  }
  return documents;
}

Config small() {
  Config config;
  config.documents = 20'000;
  config.held_out_documents = 3'000;
  return config;
}

TEST(DocumentSource, GivesTheSameDocumentsForTheSameSeed) {
  Config config = small();
  config.documents = 300;
  const auto first = all_of(config);
  EXPECT_EQ(first.size(), 300U);
  EXPECT_EQ(first, all_of(config));
  // A larger corpus begins with the smaller one.
  config.documents = 310;
  auto longer = all_of(config);
  longer.resize(300);
  EXPECT_EQ(first, longer);
  config.seed = 2;
  EXPECT_NE(first[0].text, all_of(config)[0].text);
}

TEST(DocumentSource, EveryDocumentIsAChainWithItsResultOrAPlainSentence) {
  const Config config = small();
  std::int64_t plain = 0;
  std::set<std::string> ids;
  std::set<std::string> sentences;
  for (const Document& document : all_of(config)) {
    ids.insert(document.id);
    const Json metadata = parse_json(document.metadata, "metadata");
    std::string why;
    ASSERT_TRUE(expert_thinking(document.text, why)) << document.text << ": " << why;
    if (metadata["domain"] == "plain") {
      ++plain;
      sentences.insert(document.text);
      EXPECT_EQ(metadata["steps"], 0);
      EXPECT_TRUE(is_plain_sentence(document.text)) << document.text;
    } else {
      EXPECT_EQ(metadata["domain"], "arithmetic");
      const auto chain = parse_expression(document.text.substr(0, document.text.find('=')));
      ASSERT_TRUE(chain) << document.text;
      EXPECT_EQ(metadata["steps"], chain->steps.size());
    }
  }
  EXPECT_EQ(ids.size(), 20'000U);
  EXPECT_NEAR(static_cast<double>(plain) / 20'000, config.plain_share, 0.02);
  EXPECT_GT(sentences.size(), static_cast<std::size_t>(plain) * 7 / 10) << "too little variety";
}

TEST(DocumentSource, NoTextIsInTwoSplits) {
  Config config = small();
  config.questions = 600;
  config.examples = 600;
  std::set<std::string> training;
  std::set<std::string> held_out;
  const auto asked = [](const std::string& text) { return text.substr(0, text.find('=')); };
  for (const Document& document : all_of(config)) {
    training.insert(asked(document.text));
  }
  for (const Document& document : all_of(config, Split::held_out)) {
    held_out.insert(asked(document.text));
    EXPECT_EQ(training.count(asked(document.text)), 0U) << document.text;
  }
  std::set<std::string> seen;
  for (const auto& group : {questions(config), examples(config)}) {
    EXPECT_EQ(group.size(), 600U);
    for (const Question& question : group) {
      EXPECT_TRUE(seen.insert(asked(question.prompt)).second) << question.prompt << " twice";
      EXPECT_EQ(training.count(asked(question.prompt)), 0U) << question.prompt;
      EXPECT_EQ(held_out.count(asked(question.prompt)), 0U) << question.prompt;
    }
  }
}

TEST(Questions, AskChainsAndExamplesCarryTheWorking) {
  Config config;
  for (const Question& question : questions(config)) {
    EXPECT_EQ(question.completion, "");
    const auto chain = parse_expression(question.prompt.substr(0, question.prompt.find('=')));
    ASSERT_TRUE(chain) << question.prompt;
    EXPECT_EQ(question.prompt, expression(*chain) + "=?\n");
    EXPECT_EQ(question.answer, std::to_string(result(*chain)));
  }
  for (const Question& example : examples(config)) {
    const auto chain = parse_expression(example.prompt.substr(0, example.prompt.find('=')));
    ASSERT_TRUE(chain) << example.prompt;
    EXPECT_EQ(example.completion, "<think>" + working(*chain) + "</think>" + example.answer);
  }
}

TEST(LabConfig, RefusesWhatCannotBeDrawn) {
  Config config;
  config.min_steps = 6;
  config.max_steps = 2;
  EXPECT_THROW(DocumentSource{config}, Error);
  config.min_steps = 1;
  config.max_steps = 1;
  config.questions = 300;  // of 300 chains with one step
  try {
    questions(config);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
    EXPECT_THAT(error.what(), testing::HasSubstr("lab.questions: got 300"));
  }
  // What the check allows can be drawn.
  config.questions = 7;
  config.examples = 7;
  EXPECT_EQ(questions(config).size(), 7U);
  EXPECT_EQ(examples(config).size(), 7U);
}

}  // namespace
}  // namespace tpt::lab
