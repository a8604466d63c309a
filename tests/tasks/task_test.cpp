#include "tasks/task.h"

#include "base/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tpt::tasks {
namespace {

class TaskFile : public testing::Test {
 protected:
  TaskFile() { std::filesystem::create_directories(folder_); }
  ~TaskFile() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& text) {
    const auto file = folder_ / "sums.jsonl";
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  // What load() says about a file with this text.
  std::string refusal(const std::string& text) {
    try {
      load(write(text));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      return error.what();
    }
    return "";
  }

  std::filesystem::path folder_ =
      testing::TempDir() + "tpt_task_test_" + std::to_string(::getpid());
};

TEST_F(TaskFile, KeepsEveryField) {
  const Task task = load(write(
      "{\"id\": \"a\", \"prompt\": \"1+1=\", \"answer\": \"2\", \"metadata\": {\"steps\": 1}}\n"
      "\n"
      "{\"prompt\": \"2+2=\", \"answer\": 4, \"completion\": \"<think>x</think>4\", \"level\": "
      "3}\r\n"));
  EXPECT_EQ(task.name, "sums");
  ASSERT_EQ(task.questions.size(), 2U);
  EXPECT_EQ(task.questions[0], (Question{"a", "1+1=", "2", "", R"({"steps":1})"}));
  EXPECT_EQ(task.questions[1], (Question{"3", "2+2=", "4", "<think>x</think>4", R"({"level":3})"}));
}

TEST_F(TaskFile, ReadsBackWhatItWrote) {
  Task task{.name = "round.trip", .questions = {}};
  task.questions.push_back({"q \"1\"", "line\nbreak \xe2\x82\xac", "4", "", R"({"steps":2})"});
  task.questions.push_back({"q2", std::string("nul \0 tab \t", 11), "-0.5", "why", "{}"});
  save(task, folder_ / "round.jsonl");
  EXPECT_EQ(load(folder_ / "round.jsonl").questions, task.questions);
}

TEST_F(TaskFile, NamesFileAndLineOfWhatIsWrong) {
  const std::string good = "{\"prompt\": \"p\", \"answer\": \"a\"}\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"prompt\": \"p\"", "JSON"},
      {"[1]", "expected an object"},
      {"{\"answer\": \"a\"}", "\"prompt\" is missing"},
      {"{\"prompt\": \"\", \"answer\": \"a\"}", "\"prompt\" is missing"},
      {"{\"prompt\": 5, \"answer\": \"a\"}", "\"prompt\" is number"},
      {"{\"prompt\": \"p\"}", "\"answer\" is missing"},
      {"{\"prompt\": \"p\", \"answer\": null}", "\"answer\" is null"},
      {"{\"prompt\": \"p\", \"answer\": 1.5}", "\"answer\" is number"},
      {"{\"prompt\": \"p\", \"answer\": \"a\", \"id\": 7}", "\"id\" is number"},
      {"{\"prompt\": \"p\", \"answer\": \"a\", \"metadata\": []}", "\"metadata\" is array"},
      {"{\"prompt\": \"\xff\", \"answer\": \"a\"}", ""},
      {std::string("\0", 1), ""},
      {"{\"id\": \"1\", \"prompt\": \"p\", \"answer\": \"a\"}", "taken by line 1"},
  };
  for (const auto& [line, why] : cases) {
    const std::string said = refusal(good + line + "\n");
    EXPECT_THAT(said, testing::HasSubstr("sums.jsonl:2:")) << line;
    EXPECT_THAT(said, testing::HasSubstr(why)) << line;
  }
}

TEST_F(TaskFile, AnEmptyOrMissingFileIsNoTask) {
  EXPECT_THAT(refusal(""), testing::HasSubstr("holds no questions"));
  EXPECT_THAT(refusal("\n \n\n"), testing::HasSubstr("holds no questions"));
  EXPECT_THROW(load(folder_ / "absent.jsonl"), Error);
}

TEST_F(TaskFile, ACutFileIsNamedNotGuessed) {
  EXPECT_THAT(refusal("{\"prompt\": \"p\", \"answer\": \"a\"}\n{\"prompt\": \"q\", \"ans"),
              testing::HasSubstr("sums.jsonl:2:"));
}

}  // namespace
}  // namespace tpt::tasks
