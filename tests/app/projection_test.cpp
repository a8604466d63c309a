#include "app/projection.h"

#include "app/measured_sample.h"
#include "app/pace.h"
#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"
#include "storage/manifest.h"
#include "storage/shard_folders.h"
#include "temporary_folder.h"
#include "tokenize/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <queue>

namespace tpt::app {
namespace {

using testing::HasSubstr;

std::vector<SampleDocument> documents_of(std::size_t count) {
  Random random(1);
  std::vector<SampleDocument> documents;
  for (std::size_t i = 0; i < count; ++i) {
    SampleDocument document{.text_bytes = 500 + 5000 * random.uniform(), .rows = 1};
    document.prompt_tokens = document.text_bytes / 4 + 100;
    document.thinking_tokens = std::floor(50 * std::exp(3 * random.uniform()));
    if (i % 8 != 0) {
      document.kept_rows = 1;
      document.kept_tokens = document.thinking_tokens;
      document.train_tokens = document.text_bytes / 4 + document.thinking_tokens + 3;
    }
    documents.push_back(document);
  }
  return documents;
}

double sum(const std::vector<SampleDocument>& documents, double SampleDocument::* member) {
  return std::accumulate(documents.begin(), documents.end(), 0.0,
                         [&](double so_far, const auto& each) { return so_far + each.*member; });
}

constexpr double kSlots = 32;
constexpr double kSlotSpeed = 50;

// How long the answers take on the slots, each going to the one that is free first.
double seconds_of(const std::vector<SampleDocument>& documents, double slots) {
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (double slot = 0; slot < slots; ++slot) free_at.push(0);
  double last = 0;
  for (const SampleDocument& document : documents) {
    const double end = free_at.top() + document.thinking_tokens / kSlotSpeed;
    free_at.pop();
    free_at.push(end);
    last = std::max(last, end);
  }
  return last;
}

// A quarter more was generated than stands in rows. Two endpoints of 8 GPUs, one with a price.
MeasuredSample sample_of(std::vector<SampleDocument> documents) {
  MeasuredSample sample{.documents = std::move(documents)};
  for (const SampleDocument& document : sample.documents) {
    sample.answer_tokens.add(static_cast<std::int64_t>(document.thinking_tokens));
    sample.prompt_tokens += static_cast<std::int64_t>(document.prompt_tokens);
  }
  const double used = sum(sample.documents, &SampleDocument::thinking_tokens);
  const double busy = seconds_of(sample.documents, 2 * kSlots);
  augment::Spend spend{.prompt_tokens = sample.prompt_tokens / 2,
                       .generated_tokens = static_cast<std::int64_t>(used * 1.25 / 2),
                       .wasted_generated_tokens = static_cast<std::int64_t>(used * 0.25 / 2),
                       .busy_seconds = busy,
                       .gpu_seconds = 8 * busy,
                       .request_seconds = used / 2 / kSlotSpeed,
                       .full_seconds = busy / 3,
                       .full_request_seconds = busy / 3 * kSlots};
  sample.spend.calls = 1;
  sample.spend.endpoints["a"] = spend;
  spend.money = 3 + busy / 3600 * 16;
  spend.hour_money = busy / 3600 * 16;
  sample.spend.endpoints["b"] = spend;
  sample.rows_bytes = sum(sample.documents, &SampleDocument::rows) * 900;
  sample.journal_bytes = sum(sample.documents, &SampleDocument::rows) * 1500;
  return sample;
}

Target target_of(const std::vector<SampleDocument>& documents, double times) {
  return {.documents = times * static_cast<double>(documents.size()),
          .text_bytes = times * sum(documents, &SampleDocument::text_bytes)};
}

TEST(Projection, CarriesTheSampleOver) {
  const auto documents = documents_of(400);
  const MeasuredSample sample = sample_of(documents);
  Target target = target_of(documents, 10);
  target.train_tokens = 1e6;
  const Projection plan = project(sample, target, 1);
  EXPECT_NEAR(plan.rows.middle, 4000, 1e-6);
  EXPECT_NEAR(plan.kept_share, 0.875, 1e-9);
  const double thinking = 10 * sum(documents, &SampleDocument::thinking_tokens);
  EXPECT_NEAR(plan.generated_tokens.middle, 1.25 * thinking, 1e-4 * thinking);
  EXPECT_LT(plan.generated_tokens.low, plan.generated_tokens.middle);
  EXPECT_NEAR(plan.wasted_share, 1 - plan.kept_tokens.middle / (1.25 * thinking), 1e-4);
  const double train_tokens = 10 * sum(documents, &SampleDocument::train_tokens);
  EXPECT_NEAR(plan.train_tokens.middle, train_tokens, 1);
  EXPECT_NEAR(plan.documents_needed.middle, 4000 * 1e6 / train_tokens, 0.01);
  EXPECT_NEAR(plan.documents_needed.low, 4000 * 1e6 / plan.train_tokens.high, 0.01);
  EXPECT_NEAR(plan.documents_needed.high, 4000 * 1e6 / plan.train_tokens.low, 0.01);
  EXPECT_NEAR(plan.rows_bytes.middle, 4000 * 900, 1);
  EXPECT_NEAR(plan.journal_bytes.middle, 4000 * 1500, 1);
  EXPECT_NEAR(plan.length_ratio, 1, 1e-9);
}

// The sample's own tail, half its time, is no part of the pace; the whole has one of its own.
TEST(Projection, SeesThroughTheTailOfTheSample) {
  const auto whole = documents_of(20'000);
  const std::vector<SampleDocument> few(whole.begin(), whole.begin() + 300);
  const Projection plan = project(sample_of(few), target_of(whole, 1), 1);
  const double truth = seconds_of(whole, 2 * kSlots);
  const double naive = seconds_of(few, 2 * kSlots) * 20'000 / 300;
  EXPECT_GT(naive, 1.25 * truth) << "a plan by tokens a second of the sample would be this far off";
  EXPECT_LT(plan.wall_seconds.low, truth);
  EXPECT_GT(plan.wall_seconds.high, truth);
  EXPECT_LT(plan.wall_seconds.high - plan.wall_seconds.low, 0.35 * truth);
  EXPECT_GT(plan.tail_seconds, 0);
  const double steady = sum(whole, &SampleDocument::thinking_tokens) / kSlotSpeed / 2 / kSlots;
  EXPECT_NEAR(plan.tail_seconds, truth - steady, 0.5 * (truth - steady));
  EXPECT_NEAR(plan.gpu_hours.middle, plan.wall_seconds.middle * 16 / 3600, 1e-6);
  EXPECT_NEAR(plan.in_flight_per_endpoint, kSlots, 1e-6);
}

TEST(Projection, MoreEndpointsAreFasterAndHaveTheLongestAnswerLeft) {
  const auto documents = documents_of(400);
  const MeasuredSample sample = sample_of(documents);
  Target target = target_of(documents, 100);
  const Projection two = project(sample, target, 1);
  target.endpoints = 8;
  const Projection eight = project(sample, target, 1);
  EXPECT_NEAR(two.wall_seconds.middle / eight.wall_seconds.middle, 4, 0.3);
  target.endpoints = 1e6;
  const double longest = 50 * std::exp(3) / kSlotSpeed;
  EXPECT_GT(project(sample, target, 1).wall_seconds.middle, 0.7 * longest);
  // More requests at once than were tried bring nothing, fewer are as fast each.
  target.endpoints = 2;
  target.in_flight_per_endpoint = 10 * kSlots;
  EXPECT_GE(project(sample, target, 1).wall_seconds.middle, two.wall_seconds.middle);
  target.in_flight_per_endpoint = two.in_flight_per_endpoint / 4;
  EXPECT_NEAR(project(sample, target, 1).wall_seconds.middle / two.wall_seconds.middle, 4, 0.3);
}

TEST(Projection, PricesGoWithTokensOrWithHours) {
  const auto documents = documents_of(400);
  const MeasuredSample sample = sample_of(documents);
  const Projection plan = project(sample, target_of(documents, 10), 1);
  const double tokens = 10 * 3;
  const double hours = plan.gpu_hours.middle * 16 / 16;  // half of the GPUs, at 16 for 8
  EXPECT_NEAR(plan.money.middle, tokens + hours, 0.01 * (tokens + hours));
  ASSERT_EQ(plan.by_endpoint.size(), 2U);
  EXPECT_NEAR(plan.by_endpoint[0].share, 0.5, 1e-9);
  EXPECT_NEAR(plan.by_endpoint[0].gpu_hours, plan.gpu_hours.middle / 2, 1e-9);
  EXPECT_EQ(plan.by_endpoint[0].money, 0);
  EXPECT_NEAR(plan.by_endpoint[1].money, plan.money.middle, 1e-9);
}

TEST(Projection, RefusesWhatSaysTooLittle) {
  const auto refuse = [](MeasuredSample sample) -> std::string {
    try {
      project(sample, {.documents = 1000, .text_bytes = 1e6}, 1);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refuse({}), HasSubstr("0 answered documents, allowed: 100 or more"));
  EXPECT_THAT(refuse(sample_of(documents_of(99))), HasSubstr("99 answered documents"));
  EXPECT_EQ(refuse(sample_of(documents_of(100))), "");
  auto rejected = documents_of(100);
  for (SampleDocument& document : rejected) document.kept_rows = 0;
  EXPECT_THAT(refuse(sample_of(rejected)), HasSubstr("none of its 100 rows was kept"));
}

AugmentedDocument row(const std::string& id, std::int64_t tokens, std::int64_t rollout) {
  return {.document = {.id = id, .text = "some text"},
          .trajectory = {
              .text = "t", .prompt_tokens = 50, .thinking_tokens = tokens, .rollout = rollout}};
}

class SampleFolder : public testing::Test {
 protected:
  MeasuredSample read(const std::filesystem::path& folder) {
    const pack::Composer composer({}, *tokenizer_);
    return read_sample(folder, composer, pack::Format::tpt, nullptr);
  }
  std::string refusal(const std::filesystem::path& folder) {
    try {
      read(folder);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::user);
      return error.what();
    }
    return "";
  }
  static void write(const std::filesystem::path& folder, const std::string& step) {
    std::filesystem::create_directories(folder);
    storage::AugmentedWriter kept(folder);
    kept.put(row("a", 100, 0));
    kept.put(row("a", 200, 1));
    kept.put(row("b", 300, 0));
    kept.finish();
    storage::AugmentedWriter rejected(folder / "rejected");
    rejected.put(row("b", 400, 1), "loop");
    rejected.put(row("c", 500, 0), "loop");
    rejected.finish();
    augment::SpendLedger ledger(folder);
    ledger.update(1, {{.name = "x", .requests = 5, .generated_tokens = 1500, .busy_seconds = 3}});
    ledger.save();
    storage::write_file_atomically(folder / "journal.sqlite", std::string(1000, 'j'));
    storage::Manifest manifest{.step = step};
    manifest.counts = {{"documents", 4}, {"failed", 2}};
    storage::write_manifest(folder, manifest, {});
  }
  std::unique_ptr<tokenize::Tokenizer> tokenizer_ = tokenize::load_tokenizer("bytes");
  TemporaryFolder folder_;
};

TEST_F(SampleFolder, KeptAndRejectedRowsByDocument) {
  write(folder_.path(), "augment");
  const MeasuredSample sample = read(folder_.path());
  ASSERT_EQ(sample.documents.size(), 3U);
  EXPECT_EQ(sample.documents[0].rows, 2);
  EXPECT_EQ(sample.documents[0].text_bytes, 9);
  EXPECT_EQ(sample.documents[0].train_tokens, 2 * (9 + 1 + 3)) << "text, thinking, tags and end";
  EXPECT_EQ(sample.documents[1].thinking_tokens, 700);
  EXPECT_EQ(sample.documents[1].kept_tokens, 300);
  EXPECT_EQ(sample.documents[2].kept_rows, 0);
  EXPECT_EQ(sample.documents[2].train_tokens, 0);
  EXPECT_EQ(sample.answer_tokens.sum(), 1500);
  EXPECT_EQ(sample.prompt_tokens, 250);
  EXPECT_DOUBLE_EQ(sample.answered_share, 0.75) << "one of four documents has failed";
  EXPECT_EQ(sample.spend.endpoints.at("x").generated_tokens, 1500);
  EXPECT_EQ(sample.journal_bytes, 1000);
  EXPECT_GT(sample.rows_bytes, 0);
}

TEST_F(SampleFolder, ShardsAreOneSample) {
  for (int i = 0; i < 2; ++i) write(folder_ / storage::shard_folder_name(i, 2), "augment");
  const MeasuredSample sample = read(folder_.path());
  EXPECT_EQ(sample.answer_tokens.count(), 10);
  EXPECT_EQ(sample.spend.endpoints.at("x").generated_tokens, 3000);
  std::filesystem::remove(folder_ / storage::shard_folder_name(1, 2) / "manifest.json");
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("1 not finished"));
}

TEST_F(SampleFolder, AGateThatWasNotThereBefore) {
  write(folder_.path(), "augment");
  const pack::Composer composer({}, *tokenizer_);
  const filter::Filter filter({.min_tokens = 150});
  const MeasuredSample sample = read_sample(folder_.path(), composer, pack::Format::tpt, &filter);
  EXPECT_EQ(sample.documents[0].kept_rows, 0) << "\"t\" is too short a thinking";
  EXPECT_EQ(sample.answer_tokens.count(), 5);
}

TEST_F(SampleFolder, TellsOfOptionsThatItWasNotMadeWith) {
  write(folder_.path(), "augment");
  auto manifest = storage::read_manifest(folder_.path());
  ASSERT_TRUE(manifest);
  manifest->recipe = {
      {"augment", {{"rollouts", 2}, {"chunk_tokens", 0}, {"max_thinking_tokens", 256}}}};
  storage::write_manifest(folder_.path(), *manifest, {});
  const Json options = sample_options(folder_.path());
  augment::Config config;
  // What is not given is as the sample had it.
  EXPECT_TRUE(other_options(options, config).empty());
  config.max_thinking_tokens = 256;
  config.chunk_tokens = 500;
  config.rollouts = 4;
  EXPECT_EQ(
      other_options(options, config),
      (std::vector<std::string>{"chunk_tokens: 0 there, 500 here", "rollouts: 2 there, 4 here"}));
}

TEST_F(SampleFolder, RefusesWhatIsNoneOrNotFinished) {
  EXPECT_THAT(refusal(folder_ / "nowhere"), HasSubstr("no such folder"));
  EXPECT_THAT(refusal(folder_.path()), HasSubstr("is no folder of tpt augment"));
  EXPECT_THAT(refusal("s3://bucket/sample"), HasSubstr("copy it there"));
  write(folder_ / "filtered", "filter");
  EXPECT_THAT(refusal(folder_ / "filtered"), HasSubstr("is the folder of tpt filter"));
  write(folder_ / "cut", "augment");
  std::filesystem::remove(folder_ / "cut" / "manifest.json");
  EXPECT_THAT(refusal(folder_ / "cut"), HasSubstr("is not finished"));
}

}  // namespace
}  // namespace tpt::app
