#include "augment/spend.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace tpt::augment {
namespace {

EndpointStatus endpoint(const std::string& name, std::int64_t answers) {
  return {.name = name,
          .requests = answers + 1,
          .answers = answers,
          .retries = 1,
          .prompt_tokens = 100 * (answers + 1),
          .generated_tokens = 50 * (answers + 1),
          .wasted_prompt_tokens = 100,
          .wasted_generated_tokens = 50,
          .busy_seconds = 2.0 * static_cast<double>(answers),
          .gpu_seconds = 16.0 * static_cast<double>(answers),
          .spent = 0.25 * static_cast<double>(answers)};
}

TEST(Spend, ASecondCallAddsToTheFirst) {
  const TemporaryFolder folder;
  {
    SpendLedger ledger(folder.path());
    ledger.update(10, {endpoint("a", 3), endpoint("b", 4)});
    ledger.save();
    ledger.update(20, {endpoint("a", 5), endpoint("b", 6)});
    ledger.save();
  }
  SpendLedger ledger(folder.path());
  ledger.update(7, {endpoint("b", 1), endpoint("c", 2)});
  ledger.save();
  const SpendRecord record = read_spend(folder.path());
  EXPECT_EQ(record, ledger.record());
  EXPECT_EQ(record.calls, 2);
  EXPECT_DOUBLE_EQ(record.seconds, 27);
  ASSERT_EQ(record.endpoints.size(), 3U);
  EXPECT_EQ(record.endpoints.at("b").answers, 7);
  EXPECT_EQ(record.endpoints.at("b").requests, 9);
  const Spend all = total(record.endpoints);
  EXPECT_EQ(all.answers, 5 + 6 + 1 + 2);
  EXPECT_EQ(all.generated_tokens, 50 * (14 + 4));
  EXPECT_EQ(all.wasted_generated_tokens, 50 * 4);
  EXPECT_DOUBLE_EQ(all.gpu_seconds, 16.0 * 14);
  EXPECT_DOUBLE_EQ(all.money, 0.25 * 14);
  EXPECT_EQ(ledger.this_call().answers, 3);
}

// An endpoint that leaves keeps what it had, and one that comes back counts from 0.
TEST(Spend, EndpointsComeAndGo) {
  const TemporaryFolder folder;
  SpendLedger ledger(folder.path());
  ledger.update(1, {endpoint("a", 10), endpoint("b", 1)});
  ledger.update(2, {endpoint("b", 2)});
  EXPECT_EQ(ledger.this_call().answers, 12);
  ledger.update(3, {endpoint("a", 1), endpoint("b", 2)});
  EXPECT_EQ(ledger.this_call().answers, 13);
  ledger.update(4, {endpoint("a", 4), endpoint("b", 2)});
  EXPECT_EQ(ledger.this_call().answers, 16);
  EXPECT_EQ(ledger.record().endpoints.at("a").answers, 14);
}

// Time at the limit tells how much an endpoint takes; its end, when work runs out, does not.
TEST(Spend, WhatWasInFlightIsHeldOverTheTime) {
  const TemporaryFolder folder;
  SpendLedger ledger(folder.path());
  EndpointStatus busy{.name = "a", .in_flight = 32, .limit = 32};
  ledger.update(2, {busy});
  busy.limit = 34;
  busy.in_flight = 31;
  ledger.update(3, {busy});
  busy.in_flight = 4;
  ledger.update(13, {busy});
  ledger.update(12, {busy});  // a clock does not go back
  const Spend spend = ledger.this_call();
  EXPECT_DOUBLE_EQ(spend.request_seconds, 2 * 32 + 31 + 10 * 4);
  EXPECT_DOUBLE_EQ(spend.full_seconds, 3);
  EXPECT_DOUBLE_EQ(spend.full_request_seconds, 2 * 32 + 31);
  ledger.save();
  SpendLedger next(folder.path());
  next.update(1, {busy});
  EXPECT_DOUBLE_EQ(next.record().endpoints.at("a").request_seconds, spend.request_seconds + 4);
}

// A call that found everything in the journal is one of the run's too, once it has done its work.
TEST(Spend, ACallWithoutRequestsIsCountedAtItsEnd) {
  const TemporaryFolder folder;
  SpendLedger first(folder.path());
  first.update(3, {endpoint("a", 3)});
  first.save();
  SpendLedger second(folder.path());
  second.update(2, {});
  second.save();
  EXPECT_EQ(read_spend(folder.path()).calls, 1);
  second.close();
  EXPECT_EQ(read_spend(folder.path()), second.record());
  EXPECT_EQ(read_spend(folder.path()).calls, 2);
  EXPECT_DOUBLE_EQ(read_spend(folder.path()).seconds, 5);
}

// A folder whose run did nothing is not written to: a second process that is refused must not
// disturb the first.
TEST(Spend, NothingSpentLeavesNoFile) {
  const TemporaryFolder folder;
  SpendLedger ledger(folder.path());
  ledger.update(5, {});
  ledger.update(6, {{.name = "a", .state = "down"}});
  ledger.save();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(read_spend(folder.path()), SpendRecord{});
}

TEST(Spend, ADamagedRecordIsKeptAside) {
  const TemporaryFolder folder;
  SpendLedger first(folder.path());
  first.update(1, {endpoint("a", 3)});
  first.save();
  const std::string whole = storage::read_file(folder / "spend.json");
  for (std::size_t bytes = 0; bytes + 1 < whole.size(); bytes += 97) {
    std::ofstream(folder / "spend.json") << whole.substr(0, bytes);
    EXPECT_THROW((void)read_spend(folder.path()), Error) << bytes;
    SpendLedger ledger(folder.path());
    ledger.update(1, {endpoint("b", 1)});
    ledger.save();
    const SpendRecord record = read_spend(folder.path());
    EXPECT_TRUE(record.incomplete);
    EXPECT_EQ(record.endpoints.size(), 1U);
    EXPECT_EQ(storage::read_file(folder / "spend.json.damaged"), whole.substr(0, bytes));
    // It stays incomplete in later calls.
    SpendLedger later(folder.path());
    later.update(1, {endpoint("b", 1)});
    later.save();
    EXPECT_TRUE(read_spend(folder.path()).incomplete);
  }
  for (const char* hostile :
       {R"({"version":2})", R"([])",
        R"({"version":1,"calls":-1,"seconds":0,"incomplete":false,)"
        R"("endpoints":{}})",
        R"({"version":1,"calls":1,"seconds":1e999,"incomplete":false,"endpoints":{}})"}) {
    std::ofstream(folder / "spend.json") << hostile;
    EXPECT_THROW((void)read_spend(folder.path()), Error) << hostile;
  }
}

TEST(Spend, NamesOfAnyBytesComeBack) {
  const TemporaryFolder folder;
  SpendLedger ledger(folder.path());
  const std::string name = "http://[::1]:8000/\"\\\n\x01 v1\u2028";
  ledger.update(1, {endpoint(name, 3)});
  ledger.save();
  EXPECT_TRUE(read_spend(folder.path()).endpoints.contains(name));
}

TEST(Spend, AFullDiskIsSaid) {
  const TemporaryFolder folder;
  SpendLedger ledger(folder.path());
  ledger.update(1, {endpoint("a", 3)});
  std::filesystem::create_symlink("/dev/full", folder / "spend.json.partial");
  try {
    ledger.save();
    FAIL() << "a full disk was not noticed";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

TEST(Spend, SummaryCountsWasteOnce) {
  SpendRecord record{.calls = 1};
  record.endpoints["a"] = {
      .generated_tokens = 1000, .wasted_generated_tokens = 100, .gpu_seconds = 7200, .money = 4};
  const JobStatus job{.thinking_tokens = 900, .rejected_tokens = 100, .saved_tokens = 50};
  const SpendSummary summary = summarize(record, job);
  EXPECT_DOUBLE_EQ(summary.wasted_share, 0.2);
  EXPECT_DOUBLE_EQ(summary.gpu_hours, 2);
  EXPECT_DOUBLE_EQ(summary.money_per_million_kept, 5000);
  EXPECT_EQ(summary.saved_tokens, 50);
  // Nothing kept, nothing spent: no division by nothing.
  EXPECT_EQ(summarize({}, {}).money_per_million_kept, 0);
  EXPECT_EQ(summarize({}, {}).wasted_share, 0);
  // Where a kill lost the record of what the rows cost, the share is of what is known.
  EXPECT_DOUBLE_EQ(summarize({}, job).wasted_share, 100.0 / 900);
}

}  // namespace
}  // namespace tpt::augment
