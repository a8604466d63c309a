// Rows on S3: a real S3 server, a mock of the model's server that counts, and the program between
// them.
#include "base/json.h"
#include "flow/program.h"
#include "object_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

namespace tpt::flow {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kDocuments = 900;

bool comes_true(const std::function<bool()>& what) {
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (what()) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

// `tpt mock-server` and what it counts.
class Model {
 public:
  Model()
      : server_({"mock-server", "--listen", "127.0.0.1:0", "--latency-seconds", "0.2",
                 "--latency-spread", "uniform", "--answer-tokens", "40", "--length-spread",
                 "uniform", "--max-concurrent", "48"}) {
    const std::string line = server_.first_line();
    url_ = line.substr(0, line.find("/v1"));
    EXPECT_FALSE(url_.empty());
  }
  const std::string& url() const { return url_; }
  // Every request that it began to answer.
  std::int64_t paid() const { return stats().at("begun").get<std::int64_t>(); }
  std::int64_t most_in_flight() const { return stats().at("most_in_flight").get<std::int64_t>(); }

 private:
  Json stats() const {
    const std::string file = (folder_ / "stats").string();
    EXPECT_EQ(std::system(("curl -sS -o " + file + " " + url_ + "/mock/stats").c_str()), 0);
    std::ifstream input(file);
    return Json::parse(input);
  }

  TemporaryFolder folder_;
  Program server_;
  std::string url_;
};

class RemoteOutputSlow : public ObjectStoreTest {
 protected:
  void SetUp() override {
    ObjectStoreTest::SetUp();
    if (IsSkipped()) return;
    out = fmt::format("s3://corpus/{}",
                      testing::UnitTest::GetInstance()->current_test_info()->name());
    std::ofstream documents(folder / "documents.jsonl");
    for (int i = 0; i < kDocuments; ++i) {
      documents << fmt::format(
          "{{\"id\":\"d{0}\",\"text\":\"Document {0}. It says {1} and no more.\"}}\n", i, i * 7919);
    }
  }

  std::vector<std::string> augment(const std::string& place, const std::string& work,
                                   const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"augment",         (folder / "documents.jsonl").string(),
                                      "--rows-per-part", "60",
                                      "--engine",        model.url(),
                                      "--out",           place};
    if (!work.empty()) words.insert(words.end(), {"--work", (folder / work).string()});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // The objects below a place, as an outside client gets them, in a folder of this machine.
  fs::path fetched(const std::string& place) const {
    const fs::path copy = folder / fmt::format("fetched-{}", ++fetches);
    store->client(fmt::format(R"(
import os
prefix = '{}/'
for page in s3.get_paginator('list_objects_v2').paginate(Bucket='corpus', Prefix=prefix):
    for item in page.get('Contents', []):
        if item['Key'].endswith('/'):
            continue
        path = os.path.join('{}', item['Key'][len(prefix):])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        s3.download_file('corpus', item['Key'], path))",
                              place.substr(std::string("s3://corpus/").size()), copy.string()));
    return copy;
  }

  // Distinct rows that stand in whole objects of a place.
  std::int64_t rows_at(const std::string& place) const {
    return std::stoll(store->client(fmt::format(
        R"(
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector
ids = set()
for info in fs.get_file_info(FileSelector('{}', recursive=True, allow_not_found=True)):
    if info.path.endswith('.parquet'):
        ids.update(pq.read_table(info.path, filesystem=fs, columns=['id'])['id'].to_pylist())
print(len(ids)))",
        place.substr(std::string("s3://").size()))));
  }

  // Whether this machine knows that the part stands at the place.
  bool has_sent(const std::string& work, const std::string& part) const {
    if (!fs::exists(folder / work)) return false;
    for (const auto& entry : fs::directory_iterator(folder / work)) {
      std::ifstream seen(entry.path() / "seen.json");
      const std::string bytes{std::istreambuf_iterator<char>(seen), {}};
      if (bytes.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::map<std::string, std::string> undisturbed(const std::vector<std::string>& more = {}) const {
    const Outcome outcome = run(augment((folder / "undisturbed").string(), "", more));
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    return results(folder / "undisturbed");
  }

  TemporaryFolder folder;
  Model model;
  std::string out;
  mutable int fetches = 0;
};

void expect_same(const std::map<std::string, std::string>& found,
                 const std::map<std::string, std::string>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  for (const auto& [name, bytes] : expected) {
    EXPECT_TRUE(found.contains(name) && found.at(name) == bytes) << name;
  }
}

Json json_in(const fs::path& file) {
  std::ifstream input(file);
  return Json::parse(input);
}

TEST_F(RemoteOutputSlow, StandsThereAsOnADiskAndIsReadByTheOtherVerbs) {
  const auto expected = undisturbed();
  ASSERT_EQ(expected.size(), 15U);
  const Outcome outcome = run(augment(out + "/", "work"));
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  const fs::path there = fetched(out);
  expect_same(results(there), expected);
  const Json manifest = json_in(there / "manifest.json");
  EXPECT_EQ(manifest.at("outputs"), json_in(folder / "undisturbed/manifest.json").at("outputs"));
  EXPECT_EQ(json_in(there / "started.json"), json_in(folder / "undisturbed/started.json"));
  EXPECT_EQ(json_in(there / "spend.json").at("calls"), 1);
  std::ifstream card(there / "README.md");
  const std::string text{std::istreambuf_iterator<char>(card), {}};
  EXPECT_THAT(text, AllOf(HasSubstr("pretty_name: \"" + out.substr(12) + "\""), HasSubstr("900"),
                          Not(HasSubstr(folder.path().string()))));
  // Again: nothing is asked for, with the work folder and without one.
  const std::int64_t paid = model.paid();
  for (const char* work : {"work", "empty"}) {
    const Outcome again = run(augment(out, work));
    EXPECT_EQ(again.status, 0) << again.errors;
    EXPECT_THAT(again.errors, HasSubstr(out + " is finished already"));
    EXPECT_EQ(again.output, outcome.output);
  }
  EXPECT_EQ(model.paid(), paid);
  // Other options are refused.
  const Outcome other = run(augment(out, "empty", {"--temperature", "0.1"}));
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, AllOf(HasSubstr(out), HasSubstr("0.6 there, 0.1 now")));
  const std::string local = (folder / "undisturbed").string();
  for (const auto& [place, name] : {std::pair(out, "there"), std::pair(local, "here")}) {
    const Outcome filtered =
        run({"filter", place, "--out", (folder / fmt::format("filtered-{}", name)).string()});
    EXPECT_EQ(filtered.status, 0) << filtered.errors;
    const Outcome packed = run({"pack", place, "--tokenizer", "bytes", "--out",
                                (folder / fmt::format("packed-{}", name)).string()});
    EXPECT_EQ(packed.status, 0) << packed.errors;
  }
  expect_same(results(folder / "filtered-there"), results(folder / "filtered-here"));
  expect_same(results(folder / "packed-there"), results(folder / "packed-here"));
  const Outcome shown = run({"inspect", out});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_EQ(shown.output, run({"inspect", local}).output);
}

TEST_F(RemoteOutputSlow, AKilledRunGoesOnWithItsWorkFolder) {
  const auto expected = undisturbed();
  const std::int64_t before = model.paid();
  int kills = 0;
  for (const char* part : {"started.json", "part-00001", "part-00005", "part-00009"}) {
    Program program(augment(out, "work"));
    EXPECT_TRUE(comes_true([&] { return has_sent("work", part); })) << part;
    program.signal(SIGKILL);
    kills += program.finish().status == 128 + SIGKILL ? 1 : 0;
  }
  EXPECT_EQ(kills, 4);
  const Outcome last = run(augment(out, "work"));
  ASSERT_EQ(last.status, 0) << last.errors;
  expect_same(results(fetched(out)), expected);
  EXPECT_LE(model.paid() - before, kDocuments + kills * model.most_in_flight());
}

TEST_F(RemoteOutputSlow, AKilledRunGoesOnFromItsPartsWhereTheWorkFolderIsLost) {
  const auto expected = undisturbed();
  int life = 0;
  std::int64_t standing = 0;
  for (const char* part : {"part-00001", "part-00004", "part-00008"}) {
    const std::string work = fmt::format("work-{}", life++);
    Program program(augment(out, work));
    EXPECT_TRUE(comes_true([&] { return has_sent(work, part); })) << part;
    program.signal(SIGKILL);
    ASSERT_EQ(program.finish().status, 128 + SIGKILL);
    // No part is half there, and none has lost what it held.
    const std::int64_t rows = rows_at(out);
    EXPECT_GE(rows, standing);
    standing = rows;
  }
  EXPECT_GE(standing, 9 * 60);
  const std::int64_t before = model.paid();
  const Outcome last = run(augment(out, "last"));
  ASSERT_EQ(last.status, 0) << last.errors;
  EXPECT_EQ(model.paid() - before, kDocuments - standing);
  EXPECT_THAT(last.errors, HasSubstr(fmt::format("goes on from {} rows", standing)));
  expect_same(results(fetched(out)), expected);
}

TEST_F(RemoteOutputSlow, ADrainedRunLosesNothingWithItsWorkFolder) {
  const auto expected = undisturbed();
  const std::int64_t before = model.paid();
  for (const char* part : {"started.json", "part-00003", "part-00007"}) {
    const std::string work = fmt::format("work-{}", part);
    Program program(augment(out, work));
    EXPECT_TRUE(comes_true([&] { return has_sent(work, part); })) << part;
    std::this_thread::sleep_for(milliseconds(300));
    program.signal(SIGTERM);
    const Outcome drained = program.finish();
    ASSERT_EQ(drained.status, 130) << drained.errors;
    EXPECT_EQ(rows_at(out), model.paid() - before) << part;
  }
  const Outcome last = run(augment(out, "last"));
  ASSERT_EQ(last.status, 0) << last.errors;
  EXPECT_EQ(model.paid() - before, kDocuments);
  // What was left unfinished is gone.
  const fs::path there = fetched(out);
  expect_same(results(there), expected);
  EXPECT_FALSE(fs::exists(there / "unfinished"));
  // The account is that of all four.
  const Json account = json_in(there / "spend.json");
  EXPECT_EQ(account.at("endpoints").at(model.url() + "/v1").at("answers"), kDocuments);
}

TEST_F(RemoteOutputSlow, ShardsWriteIntoOnePlace) {
  const auto sharded = [&](const std::string& place, const std::string& work) {
    for (const char* shard : {"2/3", "0/3", "1/3"}) {
      const Outcome outcome = run(augment(place, work, {"--shard", shard}));
      EXPECT_EQ(outcome.status, 0) << outcome.errors;
    }
  };
  const std::string local = (folder / "local").string();
  sharded(local, "");
  sharded(out, "work");
  const fs::path there = fetched(out);
  expect_same(results(there), results(local));
  EXPECT_EQ(json_in(there / "shards.json"), json_in(folder / "local/shards.json"));
  const std::int64_t paid = model.paid();
  sharded(out, "other");
  EXPECT_EQ(model.paid(), paid);
  const Outcome count = run(augment(out, "work", {"--shard", "0/4"}));
  EXPECT_EQ(count.status, 2);
  EXPECT_THAT(count.errors, HasSubstr("holds a corpus in 3 shards"));
  const Outcome shown = run({"inspect", out});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_EQ(shown.output, run({"inspect", local}).output);
  store->client(
      "s3.delete_object(Bucket='corpus', Key='ShardsWriteIntoOnePlace/"
      "shard-00001-of-00003/manifest.json')");
  const Outcome missing = run({"filter", out, "--out", (folder / "filtered").string()});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.errors, HasSubstr("shard-00001-of-00003"));
}

TEST_F(RemoteOutputSlow, AStoreThatGoesAwayHoldsNothingUp) {
  const auto expected = undisturbed();
  Program program(augment(out, "work", {"--in-flight", "10"}));
  EXPECT_TRUE(comes_true([&] { return has_sent("work", "part-00001"); }));
  const std::int64_t paid = model.paid();
  store->control(R"({"fault": "reset", "times": 100000})");
  // The model goes on working meanwhile.
  EXPECT_TRUE(comes_true([&] { return model.paid() >= paid + 200; }));
  EXPECT_FALSE(has_sent("work", "part-00004"));
  store->control("{}");
  EXPECT_TRUE(comes_true([&] { return has_sent("work", "part-00004"); }));
  store->pause();
  std::this_thread::sleep_for(seconds(5));
  store->go_on();
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("the run goes on"), HasSubstr("sent after all")));
  expect_same(results(fetched(out)), expected);
}

TEST_F(RemoteOutputSlow, AStoreThatStaysAwayCostsNoRow) {
  const auto expected = undisturbed();
  const std::int64_t before = model.paid();
  Program program(augment(out, "work"));
  EXPECT_TRUE(comes_true([&] { return has_sent("work", "part-00001"); }));
  store->control(R"({"fault": "slow_down", "times": 100000, "method": "PUT"})");
  store->control(R"({"fault": "slow_down", "times": 100000, "method": "POST"})");
  const Outcome outcome = program.finish();
  EXPECT_EQ(outcome.status, 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("SLOW_DOWN"), HasSubstr("all rows stand in"),
                                    HasSubstr("run the same command again")));
  store->control("{}");
  const Outcome again = run(augment(out, "work"));
  EXPECT_EQ(again.status, 0) << again.errors;
  expect_same(results(fetched(out)), expected);
  EXPECT_EQ(model.paid() - before, kDocuments);
}

TEST_F(RemoteOutputSlow, TwoProcessesLeaveOneWholeResult) {
  const auto expected = undisturbed();
  Program first(augment(out, "first"));
  EXPECT_TRUE(comes_true([&] { return has_sent("first", "part-00001"); }));
  // It sleeps until the second one has come by.
  first.signal(SIGSTOP);
  // In the same work folder there is one only.
  const Outcome third = run(augment(out, "first"));
  EXPECT_EQ(third.status, 2);
  EXPECT_THAT(third.errors, HasSubstr("in use"));
  Program second(augment(out, "second"));
  EXPECT_TRUE(comes_true([&] { return has_sent("second", "part-00002"); }));
  first.signal(SIGCONT);
  const Outcome ends[] = {first.finish(), second.finish()};
  for (const Outcome& end : ends) EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_THAT(ends[0].errors + ends[1].errors, HasSubstr("another process writes it too"));
  expect_same(results(fetched(out)), expected);
}

TEST_F(RemoteOutputSlow, AnotherPolicyRemovesWhatItNoLongerHas) {
  const std::vector<std::string> capped = {"--max-thinking-tokens", "40", "--at-cap", "drop"};
  std::vector<std::string> kept = capped;
  kept[3] = "keep";
  const auto expected = undisturbed(kept);
  const std::int64_t before = model.paid();
  ASSERT_EQ(run(augment(out, "work", capped)).status, 0);
  EXPECT_TRUE(fs::exists(fetched(out) / "rejected/part-00000.parquet"));
  kept.emplace_back("--update");
  store->client(
      "s3.put_object(Bucket='corpus', Key='AnotherPolicyRemovesWhatItNoLongerHas/"
      "rejected/mine.txt', Body=b'not of the step')");
  const Outcome outcome = run(augment(out, "empty", kept));
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(model.paid() - before, kDocuments);
  const fs::path there = fetched(out);
  expect_same(results(there), expected);
  EXPECT_TRUE(fs::exists(there / "rejected/mine.txt"));
  EXPECT_FALSE(fs::exists(there / "unfinished"));
}

TEST_F(RemoteOutputSlow, WhatCannotWorkIsSaidBeforeAnythingIsPaid) {
  const auto refused = [&](const std::vector<std::string>& words, int status) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, status) << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_THAT(outcome.errors,
                AllOf(Not(HasSubstr(ObjectStore::kKey)), Not(HasSubstr(ObjectStore::kSecret))));
    return outcome.errors;
  };
  EXPECT_THAT(refused(augment(out, ""), 2), HasSubstr("give --work FOLDER"));
  EXPECT_THAT(refused(augment(out, "", {"--work", "s3://corpus/work"}), 2), HasSubstr("--work"));
  EXPECT_THAT(refused(augment((folder / "here").string(), "work"), 2), HasSubstr("--work"));
  EXPECT_THAT(refused(augment("s3://nobucket/x", "work"), 1), HasSubstr("s3://nobucket/x"));
  EXPECT_THAT(refused(augment("s3:///x", "work"), 2), HasSubstr("s3://BUCKET/NAME"));
  store->client("s3.put_object(Bucket='corpus', Key='mine/part-00000.parquet', Body=b'mine')");
  EXPECT_THAT(refused(augment("s3://corpus/mine", "work"), 2), HasSubstr("part-00000.parquet"));
  EXPECT_EQ(store->client("print(s3.get_object(Bucket='corpus', "
                          "Key='mine/part-00000.parquet')['Body'].read())"),
            "b'mine'\n");
  undisturbed();
  const std::string rows = (folder / "undisturbed").string();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"filter", rows, "--out", out},
        {"pack", rows, "--tokenizer", "bytes", "--out", out},
        {"lab", "--out", out},
        {"run", "recipes/demo.toml", "--out", out}}) {
    EXPECT_THAT(refused(words, 2), HasSubstr("only tpt augment writes to S3")) << words[0];
  }
  const std::int64_t paid = model.paid();
  store->control(R"({"fault": "slow_down", "times": 100000})");
  EXPECT_THAT(refused(augment(out, "work"), 1), HasSubstr(out));
  const auto strict = ObjectStore::start(true);
  EXPECT_THAT(refused(augment(out, "work"), 1), HasSubstr("check AWS_ACCESS_KEY_ID"));
  setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
  EXPECT_THAT(refused(augment(out, "work"), 1), HasSubstr("check AWS_ENDPOINT_URL"));
  EXPECT_EQ(model.paid(), paid);
  // Nothing about the keys stands in what was written.
  store->use();
  store->control("{}");
  ASSERT_EQ(run(augment(out, "work")).status, 0);
  fetched(out);
  EXPECT_NE(
      std::system(
          fmt::format("grep -rqa {} {}", ObjectStore::kSecret, folder.path().string()).c_str()),
      0);
  EXPECT_NE(std::system(
                fmt::format("grep -rqa {} {}", ObjectStore::kKey, folder.path().string()).c_str()),
            0);
}

}  // namespace
}  // namespace tpt::flow
