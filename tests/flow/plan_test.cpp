#include "flow/mock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tpt::flow {
namespace {

using testing::HasSubstr;

std::vector<std::string> thinking_of(const std::string& corpus, const std::string& url,
                                     const std::string& out) {
  return {"augment",
          corpus,
          "--url",
          url + " limit=32",
          "--start-in-flight",
          "32",
          "--gate",
          "--max-thinking-tokens",
          "600",
          "--price-per-million-generated-tokens",
          "20",
          "--price-per-hour",
          "30",
          "--gpus-per-endpoint",
          "4",
          "--out",
          out};
}

double figure(const Json& interval, const char* name) { return interval.at(name).get<double>(); }

struct Held {
  int held = 0;
  int asked = 0;

  // 90 % is promised of each; of none may the truth lie far outside.
  void check(const std::string& what, const Json& interval, double truth) {
    const double low = figure(interval, "low");
    const double middle = figure(interval, "middle");
    const double high = figure(interval, "high");
    ++asked;
    held += low <= truth && truth <= high ? 1 : 0;
    SCOPED_TRACE(testing::Message()
                 << what << ": " << middle << " (" << low << " to " << high << "), was " << truth);
    EXPECT_GE(truth, middle - 2.2 * (middle - low) - 1e-9);
    EXPECT_LE(truth, middle + 2.2 * (high - middle) + 1e-9);
  }
};

// A tenth of the documents is thought about and paid for; then all of them, on the same server.
TEST(PlanSlow, HoldsWhatALargerRunThenTakes) {
  Held held;
  for (const std::string seed : {"1", "2", "3"}) {
    const TemporaryFolder folder;
    const Mock mock({"--seed",
                     seed,
                     "--answer-tokens",
                     "60",
                     "--length-spread",
                     "lognormal",
                     "--length-sigma",
                     "1",
                     "--cap-share",
                     "0.03",
                     "--refusal-share",
                     "0.05",
                     "--loop-share",
                     "0.03",
                     "--fault",
                     "cut=0.05",
                     "--latency-seconds",
                     "0.02",
                     "--tokens-per-second",
                     "200"});
    const std::string whole = (folder / "whole.jsonl").string();
    const std::string part = (folder / "part.jsonl").string();
    write_corpus(whole, 1200);
    write_corpus(part, 1200, 10);
    const std::string sample = (folder / "sample").string();
    last_line(run(thinking_of(part, mock.url(), sample)));
    const Json plan =
        last_line(run({"plan", whole, "--measured", sample, "--json", "--tokenizer", "bytes"}))
            .at("measured");
    const std::string out = (folder / "out").string();
    const Json counts = last_line(run(thinking_of(whole, mock.url(), out)));
    const Json packed = last_line(
        run({"pack", out, "--tokenizer", "bytes", "--out", (folder / "shards").string()}));
    const Json spend = counts.at("spend").at("total");
    const auto count = [&](const Json& of, const char* name) { return of.at(name).get<double>(); };
    EXPECT_DOUBLE_EQ(figure(plan.at("rows"), "middle"), 1200);
    held.check("kept rows", plan.at("kept_rows"), count(counts, "rows"));
    held.check("prompt tokens", plan.at("prompt_tokens"), count(spend, "prompt_tokens"));
    held.check("generated tokens", plan.at("generated_tokens"), count(spend, "generated_tokens"));
    held.check("kept tokens", plan.at("kept_tokens"),
               count(counts, "thinking_tokens") - count(counts, "rejected_tokens"));
    held.check("train tokens", plan.at("train_tokens"), count(packed.at("tokens"), "total"));
    held.check("wall seconds", plan.at("wall_seconds"), count(spend, "busy_seconds"));
    held.check("GPU-hours", plan.at("gpu_hours"), count(spend, "gpu_seconds") / 3600);
    held.check("money", plan.at("money"), count(spend, "money"));
    double bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) {
      if (entry.path().extension() == ".parquet") bytes += static_cast<double>(entry.file_size());
    }
    // Small files hold more around their rows: rather too much is foreseen.
    EXPECT_GE(figure(plan.at("rows_bytes"), "middle"), 0.95 * bytes);
    EXPECT_LE(figure(plan.at("rows_bytes"), "middle"), 1.7 * bytes);
  }
  EXPECT_GE(held.held, held.asked * 3 / 4) << held.held << " of " << held.asked;
}

TEST(Plan, FromAMeasuredSample) {
  const TemporaryFolder folder;
  const std::string lab = (folder / "lab").string();
  run({"lab", "--documents", "400", "--questions", "5", "--examples", "5", "--held-out-documents",
       "5", "--out", lab});
  const std::string documents = lab + "/documents.jsonl";
  const std::string sample = (folder / "sample").string();
  last_line(run({"augment", documents, "--engine", "expert", "--limit", "120", "--out", sample}));
  const Json whole = last_line(
      run({"augment", documents, "--engine", "expert", "--out", (folder / "whole").string()}));
  const Json plan = last_line(run({"plan", documents, "--measured", sample, "--json", "--tokenizer",
                                   "bytes", "--train-tokens", "50000"}));
  const Json& measured = plan.at("measured");
  EXPECT_NEAR(figure(measured.at("rows"), "middle"), 400, 1e-6);
  const auto tokens = whole.at("thinking_tokens").get<double>();
  EXPECT_NEAR(figure(measured.at("generated_tokens"), "middle"), tokens, 0.25 * tokens);
  EXPECT_GT(figure(measured.at("journal_bytes"), "middle"), 0);
  EXPECT_GT(figure(measured.at("documents_needed"), "middle"), 0);
  const Outcome table = run({"plan", documents, "--measured", sample, "--tokenizer", "bytes",
                             "--endpoints", "3", "--train-tokens", "50000"});
  EXPECT_THAT(table.output, HasSubstr("time to the last answer"));
  EXPECT_THAT(table.output, HasSubstr("3 endpoints"));
  EXPECT_THAT(table.output, HasSubstr("documents for 50000"));
  EXPECT_THAT(table.output, HasSubstr("expert"));
  // A gate that the sample was not run with.
  const Json judged =
      last_line(run({"plan", documents, "--measured", sample, "--json", "--gate", "--min-tokens",
                     "12", "--min-characters", "0", "--tokenizer", "bytes"}));
  EXPECT_LT(judged.at("measured").at("kept_share"), 1);
}

TEST(Plan, RefusesWhatIsNoSample) {
  const TemporaryFolder folder;
  const std::string corpus = (folder / "corpus.jsonl").string();
  write_corpus(corpus, 50);
  const auto refused = [&](const std::string& measured) {
    const Outcome outcome = run({"plan", corpus, "--measured", measured, "--tokenizer", "bytes"});
    EXPECT_EQ(outcome.status, 2) << outcome.output;
    return outcome.errors;
  };
  EXPECT_THAT(refused(folder.path().string()), HasSubstr("is no folder of tpt augment"));
  const std::string small = (folder / "small").string();
  last_line(run({"augment", corpus, "--engine", "fake", "--limit", "40", "--out", small}));
  EXPECT_THAT(refused(small), HasSubstr("40 answered documents, allowed: 100 or more"));
  const std::string filtered = (folder / "filtered").string();
  last_line(run({"filter", small, "--out", filtered}));
  EXPECT_THAT(refused(filtered), HasSubstr("is the folder of tpt filter"));
}

}  // namespace
}  // namespace tpt::flow
