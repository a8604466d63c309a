#include "flow/mock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace tpt::flow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

// Every step is run, found finished, and refused once a file that it is told of by name holds
// something else; back to its bytes, it is finished again.
class EditedFiles : public testing::Test {
 protected:
  void SetUp() override { write_corpus(folder_ / "corpus.jsonl", 20); }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }

  void expect_seen(const std::vector<std::string>& step, const std::filesystem::path& file,
                   const std::string& other) {
    const Json counts = last_line(run(step));
    const Outcome again = run(step);
    EXPECT_EQ(last_line(again), counts);
    EXPECT_THAT(again.errors, HasSubstr("finished already"));
    const std::string before = bytes_of(file);
    ASSERT_NE(before, other);
    write(file, other);
    const Outcome refused = run(step);
    EXPECT_EQ(refused.status, 2) << refused.errors;
    EXPECT_THAT(refused.errors, HasSubstr("other options or inputs"));
    write(file, before);
    EXPECT_EQ(last_line(run(step)), counts);
  }

  TemporaryFolder folder_;
};

TEST_F(EditedFiles, ThePromptOfAugment) {
  write(at("prompt.txt"), "Think about:\n{{CONTEXT}}\n");
  const std::vector<std::string> step = {"augment",  at("corpus.jsonl"), "--engine", "fake",
                                         "--prompt", at("prompt.txt"),   "--out",    at("rows")};
  expect_seen(step, at("prompt.txt"), "Think hard about:\n{{CONTEXT}}\n");
  write(at("prompt.txt"), "Think hard about:\n{{CONTEXT}}\n");
  auto update = step;
  update.emplace_back("--update");
  EXPECT_EQ(last_line(run(update)).at("asked"), 20);
}

TEST_F(EditedFiles, TheBenchmarksAndPromptsOfTheGate) {
  write(at("questions.jsonl"), R"({"question":"one two three four five six seven eight"})"
                               "\n");
  write(at("other.txt"), "Never say any of these words about:\n{{CONTEXT}}\n");
  const std::vector<std::string> step = {
      "augment",         at("corpus.jsonl"),    "--engine",  "fake",          "--gate",
      "--decontaminate", at("questions.jsonl"), "--prompts", at("other.txt"), "--out",
      at("rows")};
  expect_seen(step, at("questions.jsonl"),
              R"({"question":"nine two three four five six seven eight"})"
              "\n");
  expect_seen(step, at("other.txt"), "Never write any of these words about:\n{{CONTEXT}}\n");
  // What was paid for is judged again.
  write(at("other.txt"), "Never write any of these words about:\n{{CONTEXT}}\n");
  auto update = step;
  update.emplace_back("--update");
  EXPECT_EQ(last_line(run(update)).at("asked"), 0);
}

TEST_F(EditedFiles, TheBenchmarksAndPromptsOfFilter) {
  last_line(run({"augment", at("corpus.jsonl"), "--engine", "fake", "--out", at("rows")}));
  std::filesystem::create_directories(at("benchmarks"));
  write(at("benchmarks/a.jsonl"), R"({"question":"one two three four five six seven eight"})"
                                  "\n");
  write(at("other.txt"), "Never say any of these words about:\n{{CONTEXT}}\n");
  const std::vector<std::string> step = {"filter",         at("rows"),    "--decontaminate",
                                         at("benchmarks"), "--prompts",   at("other.txt"),
                                         "--out",          at("filtered")};
  expect_seen(step, at("benchmarks/a.jsonl"),
              R"({"question":"nine two three four five six seven eight"})"
              "\n");
  expect_seen(step, at("other.txt"), "Never write any of these words about:\n{{CONTEXT}}\n");
  write(at("benchmarks/b.jsonl"), R"({"question":"what is this"})"
                                  "\n");
  EXPECT_EQ(run(step).status, 2) << "a file that was not there before";
}

TEST_F(EditedFiles, TheTokenizerOfPack) {
  last_line(run({"augment", at("corpus.jsonl"), "--engine", "fake", "--out", at("rows")}));
  // The bytes themselves, as a tokenizer.json that the packer leaves beside its shards.
  last_line(run({"pack", at("rows"), "--tokenizer", "bytes", "--out", at("first")}));
  std::filesystem::create_directories(at("tokenizer"));
  const std::string json = bytes_of(at("first/tokenizer.json"));
  write(at("tokenizer/tokenizer.json"), json);
  const std::vector<std::string> step = {"pack",          at("rows"), "--tokenizer",
                                         at("tokenizer"), "--out",    at("shards")};
  expect_seen(step, at("tokenizer/tokenizer.json"), json + "\n");
  const std::vector<std::string> file = {
      "pack", at("rows"), "--tokenizer", at("tokenizer/tokenizer.json"), "--out", at("again")};
  expect_seen(file, at("tokenizer/tokenizer.json"), json + "\n");
  write(at("tokenizer/tokenizer_config.json"), R"({"eos_token":"<|endoftext|>"})");
  EXPECT_EQ(run(step).status, 2) << "it says how documents end";
}

}  // namespace
}  // namespace tpt::flow
