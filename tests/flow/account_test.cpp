#include "flow/mock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>

namespace tpt::flow {
namespace {

using testing::HasSubstr;
using testing::Not;

class Account : public testing::Test {
 protected:
  // About 300 requests of 0.5 s, 16 at once.
  void SetUp() override {
    write_corpus(folder_ / "corpus.jsonl", 300);
    std::ofstream(folder_ / "recipe.toml")
        << "title = \"A watched recipe\"\n[corpus]\ninputs = [\"" << at("corpus.jsonl")
        << "\"]\n[engine]\nengine = \"http\"\nurl = [\"" << mock_.url()
        << " limit=16 gpus=8 price_out=2 price_hour=36\"]\nstart_in_flight = 16\n[augment]\n"
           "max_thinking_tokens = 400\n[pack]\ntokenizer = \"bytes\"\n";
  }
  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> step() const {
    return {"run", at("recipe.toml"), "--out", at("run"), "--metrics", "127.0.0.1:0"};
  }
  static double metric(const std::string& page, const std::string& name) {
    const std::size_t found = page.find("\n" + name + " ");
    return found == std::string::npos ? -1 : std::stod(page.substr(found + name.size() + 2));
  }

  TemporaryFolder folder_;
  Mock mock_{{"--answer-tokens", "100", "--length-spread", "uniform", "--tokens-per-second", "200",
              "--latency-seconds", "0.05"}};
};

using AccountSlow = Account;

// A recipe is watched as the verb is; its account, its time and its speed count every call.
TEST_F(AccountSlow, OfARecipeCountsTheCallsThatWereKilled) {
  const std::string account = at("run/augmented/spend.json");
  Json saved;
  double missing = 0;  // tokens that the server wrote and no account knows
  for (int call = 1; call <= 2; ++call) {
    Program program(step());
    const auto is_saved = [&] {
      return std::filesystem::exists(account) && json_of(account).at("calls") == call;
    };
    for (int i = 0; i < 1200 && !is_saved(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    program.signal(SIGKILL);
    ASSERT_EQ(program.finish().status, 128 + SIGKILL) << "it was over too soon";
    ASSERT_TRUE(is_saved());
    saved = json_of(account);
    missing = mock_.stats().at("generated_tokens").get<double>() -
              saved.at("total").at("generated_tokens").get<double>();
  }
  const Outcome last = run(step());
  ASSERT_EQ(last.status, 0) << last.errors;
  EXPECT_THAT(last.errors, HasSubstr("300 of 300 rows 100.0 %"));
  const Json counts = json_of(at("run/augmented/manifest.json")).at("counts");
  const Json spend = json_of(at("run/augmented/spend.json"));
  EXPECT_EQ(spend, counts.at("spend"));
  EXPECT_EQ(spend.at("calls"), 3);
  const double seconds = counts.at("seconds").get<double>();
  EXPECT_GT(seconds, saved.at("seconds").get<double>());
  EXPECT_GT(saved.at("seconds").get<double>(), 2);
  const Json all = spend.at("total");
  EXPECT_EQ(counts.at("generated_tokens"), all.at("generated_tokens"));
  const double generated = all.at("generated_tokens").get<double>();
  EXPECT_GT(generated, saved.at("total").at("generated_tokens").get<double>());
  // All that was written, but for what the kills lost; 16 answers may have been cut after that.
  const double written = mock_.stats().at("generated_tokens").get<double>();
  EXPECT_GE(generated, written - missing - 16 * 400);
  EXPECT_LE(generated, written);
  // 16 at once write 3200 tokens a second at most.
  EXPECT_GE(all.at("busy_seconds").get<double>(), generated / 3200);
  EXPECT_DOUBLE_EQ(all.at("gpu_seconds").get<double>(), 8 * all.at("busy_seconds").get<double>());
  EXPECT_NEAR(all.at("money").get<double>(),
              2e-6 * generated + all.at("busy_seconds").get<double>() / 100, 1e-9);
  // The page of the run shows that time and not the last call's.
  const Json summary = json_of(at("run/summary.json"));
  EXPECT_THAT(summary.dump(), HasSubstr(counts.at("seconds").dump())) << summary.dump(1);
}

TEST_F(AccountSlow, OfARecipeIsServedAndDescribed) {
  const std::string address = "127.0.0.1:" + std::to_string(20'000 + getpid() % 10'000);
  std::vector<std::string> words = step();
  words.back() = address;
  Program program(words);
  std::string page;
  for (int i = 0; i < 100 && metric(page, "tpt_augment_rows_total{outcome=\"written\"}") < 20;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    page = fetch("http://" + address + "/metrics");
  }
  EXPECT_GE(metric(page, "tpt_augment_rows_total{outcome=\"written\"}"), 20) << page;
  EXPECT_GT(metric(page, "tpt_run_money"), 0);
  const Outcome outcome = program.finish();
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  const std::string card = bytes_of(at("run/augmented/README.md"));
  EXPECT_THAT(card, HasSubstr("# A watched recipe"));
  EXPECT_THAT(card, HasSubstr("## Spend"));
  // The rows' card is no result: the step is finished, and so are those after it.
  std::filesystem::remove(at("run/augmented/README.md"));
  const Outcome again = run(step());
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.errors, HasSubstr("pack: " + at("run/shards/all") + " is finished already"));
}

}  // namespace
}  // namespace tpt::flow
