#include "base/json.h"
#include "flow/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace tpt::flow {
namespace {

using testing::HasSubstr;

Json last_line(const Outcome& outcome) {
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  return Json::parse(outcome.output);
}

// The whole way by hand, each verb reading what the one before left.
TEST(Verbs, EachDoesItsPartFromFiles) {
  const TemporaryFolder folder;
  const auto at = [&](const char* name) { return (folder / name).string(); };
  const Json lab = last_line(run({"lab", "--documents", "300", "--questions", "10", "--examples",
                                  "30", "--held-out-documents", "10", "--out", at("lab")}));
  EXPECT_EQ(lab.at("documents"), 300);
  const std::string documents = at("lab") + "/documents.jsonl";
  const Json augmented =
      last_line(run({"augment", documents, "--engine", "expert", "--out", at("augmented")}));
  EXPECT_EQ(augmented.at("documents"), 300);
  EXPECT_GT(augmented.at("thinking_tokens"), 0);
  const Json filtered = last_line(run({"filter", at("augmented"), "--min-tokens", "12",
                                       "--min-characters", "0", "--out", at("filtered")}));
  EXPECT_EQ(filtered.at("kept").get<int>() + filtered.at("rejected").get<int>(), 300);
  EXPECT_GT(filtered.at("reasons").at("too_short"), 0);
  const Json packed = last_line(
      run({"pack", at("filtered") + "/kept", "--tokenizer", "bytes", "--out", at("shards")}));
  EXPECT_EQ(packed.at("samples"), filtered.at("kept"));
  const std::vector<std::string> shape = {"--hidden-size", "32", "--num-layers", "1"};
  std::vector<std::string> train = {"train",        at("shards"), "--train-tokens", "4000",
                                    "--seq-length", "64",         "--batch-rows",   "4",
                                    "--out",        at("model")};
  train.insert(train.end(), shape.begin(), shape.end());
  const Json trained = last_line(run(train));
  EXPECT_GE(trained.at("tokens"), 4000);
  const std::string checkpoint =
      at("model") + "/" + trained.at("checkpoints").back().at("folder").get<std::string>();
  const Json tuned_shards = last_line(run({"pack", at("lab") + "/examples.jsonl", "--examples",
                                           "--tokenizer", "bytes", "--out", at("examples")}));
  EXPECT_EQ(tuned_shards.at("samples"), 30);
  const Json tuned = last_line(run(
      {"train", at("examples"), "--init-from", checkpoint, "--objective", "answers", "--rows",
       "pad", "--epochs", "1", "--seq-length", "64", "--batch-rows", "4", "--out", at("tuned")}));
  const std::string student =
      at("tuned") + "/" + tuned.at("checkpoints").back().at("folder").get<std::string>();
  const Json scores = last_line(run({"eval", student, "--task", at("lab") + "/questions.jsonl",
                                     "--max-tokens", "32", "--out", at("scores")}));
  EXPECT_EQ(scores.at("questions"), 10);
  // A second call finds the step finished; other options are refused.
  const Outcome again = run({"augment", documents, "--engine", "expert", "--out", at("augmented")});
  EXPECT_EQ(last_line(again), augmented);
  EXPECT_THAT(again.errors, HasSubstr("finished already"));
  const Outcome other =
      run({"augment", documents, "--engine", "expert", "--seed", "7", "--out", at("augmented")});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("seed"));
}

TEST(Verbs, TheEmbeddedModelThinks) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments = {
      "augment", "data/sample/math.jsonl", "--limit", "2",          "--max-thinking-tokens",
      "8",       "--context-tokens",       "16",      "--parallel", "2",
      "--out",   (folder / "out").string()};
  const Json counts = last_line(run(arguments));
  EXPECT_EQ(counts.at("documents"), 2);
  EXPECT_THAT(counts.at("engine").get<std::string>(), HasSubstr("SmolLM2"));
  // How many at once is a matter of speed: the finished step is found under another number too.
  arguments[9] = "1";
  EXPECT_EQ(last_line(run(arguments)), counts);
}

TEST(Verbs, ExitStatusTellsTheKindOfTrouble) {
  const TemporaryFolder folder;
  EXPECT_EQ(run({}).status, 0);
  EXPECT_EQ(run({"--help"}).status, 0);
  EXPECT_EQ(run({"thnk"}).status, 2);
  EXPECT_EQ(run({"filter", "/no/such/folder", "--out", (folder / "x").string()}).status, 2);
  EXPECT_EQ(run({"run", "recipes/demo.toml", "--out", (folder / "x").string(), "--set",
                 "lab.documents=many"})
                .status,
            2);
  std::ofstream(folder / "bad.jsonl") << "{\"text\": \"one\"}\nnonsense\n";
  const Outcome strict = run({"augment", (folder / "bad.jsonl").string(), "--engine", "fake",
                              "--strict", "--out", (folder / "strict").string()});
  EXPECT_EQ(strict.status, 3);
  EXPECT_THAT(strict.errors, HasSubstr("bad.jsonl:2"));
}

TEST(Verbs, HelpOfEachNamesItsOptions) {
  for (const std::string verb :
       {"run", "augment", "filter", "pack", "train", "eval", "report", "plan", "lab"}) {
    const Outcome help = run({verb, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.output, HasSubstr("tpt " + verb));
    EXPECT_THAT(help.output, HasSubstr("Examples:"));
  }
}

TEST(Verbs, PlanCountsACorpus) {
  const Outcome plan = run({"plan", "data/sample/*.jsonl", "--json", "--sample-documents", "0"});
  const Json json = last_line(plan);
  EXPECT_EQ(json.at("documents"), 48);
  EXPECT_GT(json.at("prompt_tokens"), 0);
  EXPECT_GT(json.at("generation_gpu_hours"), 0);
  EXPECT_THAT(run({"plan", "data/sample/math.jsonl"}).output, HasSubstr("thinking tokens"));
}

}  // namespace
}  // namespace tpt::flow
