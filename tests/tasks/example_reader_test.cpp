#include "tasks/example_reader.h"

#include "base/error.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace tpt::tasks {
namespace {

class ExampleFile : public testing::Test {
 protected:
  std::vector<Conversation> read(const std::string& text) {
    std::ofstream(folder_ / "examples.jsonl", std::ios::binary) << text;
    ExampleReader reader(folder_ / "examples.jsonl");
    std::vector<Conversation> all;
    for (Conversation one; reader.next(one);) all.push_back(one);
    return all;
  }

  std::string refusal(const std::string& text) {
    try {
      read(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return error.what();
    }
    return "";
  }

  const TemporaryFolder folder_;
};

TEST_F(ExampleFile, HoldsPairsAndConversations) {
  const auto all = read(
      "{\"id\": \"a\", \"prompt\": \"1+1=\", \"completion\": \"2\", \"answer\": \"2\"}\n\n"
      "{\"messages\": [{\"role\": \"system\", \"content\": \"\"}, {\"role\": \"user\", "
      "\"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": \"ho\", \"n\": 1}]}\r\n"
      "{\"prompt\": \"only asked\"}\n");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], (Conversation{"a", {{"user", "1+1="}, {"assistant", "2"}}}));
  EXPECT_EQ(all[1], (Conversation{"3", {{"system", ""}, {"user", "hi"}, {"assistant", "ho"}}}));
  EXPECT_EQ(all[2], (Conversation{"4", {{"user", "only asked"}, {"assistant", ""}}}));
}

TEST_F(ExampleFile, ContentOfNullIsNoTextAndEndsNothing) {
  const auto all = read(
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", "
      "\"content\": null, \"tool_calls\": [{}]}]}\n"
      "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_FALSE(all[0].messages[1].has_content);
  EXPECT_TRUE(all[0].messages[0].has_content);
  EXPECT_TRUE(all[1].messages[1].has_content);
}

TEST_F(ExampleFile, SaysWhatIsWrongAndWhere) {
  const std::string good = "{\"prompt\": \"a\", \"completion\": \"b\"}\n";
  for (const auto& [line, word] : std::vector<std::pair<std::string, std::string>>{
           {"[1]", "expected an object"},
           {"{\"text\": \"x\"}", "neither \"messages\" nor \"prompt\""},
           {"{\"messages\": {}}", "should be an array"},
           {"{\"messages\": [1]}", "should be an object"},
           {"{\"messages\": [{\"content\": \"x\"}]}", "no \"role\""},
           {"{\"messages\": [{\"role\": \"user\"}]}", "no \"content\""},
           {"{\"messages\": [{\"role\": \"user\", \"content\": [\"x\"]}]}", "should be text"},
           {"{\"prompt\": \"a\", \"completion\": 2}", "should be text"},
           {"{\"prompt\": ", "examples.jsonl:2"}}) {
    const std::string said = refusal(good + line + "\n");
    EXPECT_NE(said.find(word), std::string::npos) << said;
    EXPECT_NE(said.find("examples.jsonl:2"), std::string::npos) << said;
  }
  EXPECT_NE(refusal("\n \n").find("holds no examples"), std::string::npos);
}

}  // namespace
}  // namespace tpt::tasks
