#include "augment/augment.h"

#include "augment/prompt.h"
#include "augment/request.h"
#include "augment/scenario.h"
#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"
#include "storage/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace tpt::augment {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(Augment, WritesEveryRowInOrder) {
  const TemporaryFolder folder;
  const std::vector<Document> documents = scenario_documents(150);
  engine::FakeEngine engine(scenario_engine(milliseconds(2)));
  const Counts counts = run_scenario(scenario_config(), documents, engine, folder.path());
  const std::vector<AugmentedDocument> rows = read_rows(folder.path());
  EXPECT_EQ(rows, expected_rows(scenario_config(), documents, engine));
  std::int64_t thinking = 0;
  std::int64_t prompt = 0;
  for (const AugmentedDocument& row : rows) {
    thinking += row.trajectory.thinking_tokens;
    prompt += row.trajectory.prompt_tokens;
    EXPECT_LE(row.trajectory.context_bytes, 120);
  }
  EXPECT_EQ(counts.documents, 150);
  EXPECT_EQ(counts.from_journal, 4);  // those that say what an earlier one said
  EXPECT_EQ(counts.failed, 0);
  EXPECT_EQ(counts.thinking_tokens, thinking);
  EXPECT_EQ(counts.prompt_tokens, prompt);
  EXPECT_LT(counts.generated_tokens, thinking);
  EXPECT_EQ(engine.calls(), 146);
  EXPECT_LE(engine.most_in_flight(), 11);
  EXPECT_GE(engine.most_in_flight(), 8);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "failed.jsonl"));
}

TEST(Augment, AsksNothingTwice) {
  const TemporaryFolder folder;
  const std::vector<Document> documents = scenario_documents(100);
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  run_scenario(scenario_config(), documents, engine, folder.path());
  const auto bytes = parquet_bytes(folder.path());
  const std::int64_t calls = engine.calls();
  const Counts counts = run_scenario(scenario_config(), documents, engine, folder.path());
  EXPECT_EQ(engine.calls(), calls);
  EXPECT_EQ(counts.from_journal, 100);
  EXPECT_EQ(counts.generated_tokens, 0);
  EXPECT_GT(counts.thinking_tokens, 0);
  EXPECT_EQ(parquet_bytes(folder.path()), bytes);
}

TEST(Augment, GivesTheSameBytesForAnyConcurrency) {
  const std::vector<Document> documents = scenario_documents(120);
  std::map<std::string, std::string> first;
  for (const std::int64_t capacity : {1, 3, 64}) {
    const TemporaryFolder folder;
    engine::FakeConfig fake = scenario_engine(milliseconds(1));
    fake.capacity = capacity;
    engine::FakeEngine engine(fake);
    Config config = scenario_config();
    config.window_documents = capacity == 3 ? 1 : 40;
    run_scenario(config, documents, engine, folder.path());
    first = first.empty() ? parquet_bytes(folder.path()) : first;
    EXPECT_EQ(parquet_bytes(folder.path()), first) << capacity;
  }
}

TEST(Augment, TakesAnEmptyCorpus) {
  const TemporaryFolder folder;
  engine::FakeEngine engine;
  EXPECT_EQ(run_scenario({}, {}, engine, folder.path()).documents, 0);
  EXPECT_TRUE(read_rows(folder.path()).empty());
}

TEST(Augment, StopsSafelyAndGoesOn) {
  const std::vector<Document> documents = scenario_documents(300);
  const TemporaryFolder whole;
  engine::FakeEngine quick(scenario_engine(milliseconds(0)));
  run_scenario(scenario_config(), documents, quick, whole.path());

  const TemporaryFolder folder;
  int interrupted = 0;
  std::int64_t calls = 0;
  for (bool finished = false; !finished;) {
    engine::FakeEngine engine(scenario_engine(milliseconds(4)));
    std::stop_source stop;
    std::jthread stopper([&stop] {
      std::this_thread::sleep_for(milliseconds(60));
      stop.request_stop();
    });
    try {
      run_scenario(scenario_config(), documents, engine, folder.path(), stop.get_token());
      finished = true;
    } catch (const Interrupted& stopped) {
      ++interrupted;
      EXPECT_THAT(stopped.what(), HasSubstr("run the same command again"));
    }
    calls += engine.calls();
  }
  EXPECT_GE(interrupted, 2);
  EXPECT_EQ(calls, 292);  // nothing in flight was dropped, nothing asked twice
  EXPECT_EQ(parquet_bytes(folder.path()), parquet_bytes(whole.path()));
}

TEST(Augment, StopsBeforeItBegins) {
  const TemporaryFolder folder;
  engine::FakeEngine engine;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(run_scenario({}, scenario_documents(3), engine, folder.path(), stop.get_token()),
               Interrupted);
  EXPECT_EQ(engine.calls(), 0);
}

// A file of weights that was replaced under its name.
TEST(Augment, TheContentOfALocalModelIsPartOfARowsIdentity) {
  const engine::FakeEngine engine;
  const Prompt prompt = load_prompt("tpt");
  const Document document = scenario_documents(1)[0];
  const auto hash_under = [&](const std::string& model_sha256) {
    Config config;
    config.model_sha256 = model_sha256;
    return make_request(config, prompt, whole(document), engine).hash;
  };
  EXPECT_NE(hash_under("a"), hash_under("b"));
  EXPECT_NE(hash_under("a"), hash_under(""));
  EXPECT_EQ(hash_under("a"), hash_under("a"));
}

// Notes how many documents were read.
class CountingSource : public VectorSource<Document> {
 public:
  using VectorSource<Document>::VectorSource;
  bool next(Document& document) override {
    ++reads;
    return VectorSource<Document>::next(document);
  }
  std::atomic<std::int64_t> reads = 0;
};

TEST(Augment, WaitsForASlowDocumentInBoundedMemory) {
  const std::vector<Document> documents = scenario_documents(200);
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.answer = [&](const engine::Request& request) {
    if (request.key == "doc-5") {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return released; });
    }
    return engine::fake_response(request, 12);
  };
  const TemporaryFolder folder;
  engine::FakeEngine engine(fake);
  CountingSource source(documents);
  std::jthread watcher([&] {
    for (std::int64_t seen = -1; source.reads == 0 || source.reads != seen;) {
      seen = source.reads;
      std::this_thread::sleep_for(milliseconds(200));
    }
    // Five are written; a window's worth waits behind them.
    EXPECT_EQ(source.reads, 5 + scenario_config().window_documents);
    const std::scoped_lock lock(mutex);
    released = true;
    changed.notify_all();
  });
  NoProgress progress;
  run(scenario_config(), source, 200, engine, folder.path(), progress, {});
  EXPECT_EQ(read_rows(folder.path()), expected_rows(scenario_config(), documents, engine));
}

TEST(Augment, GoesOnReadingTheJournalBesideASlowDocument) {
  const std::vector<Document> documents = scenario_documents(2000);
  Config config = scenario_config();
  config.window_documents = 4000;
  const TemporaryFolder folder;
  {
    engine::FakeEngine engine(scenario_engine(milliseconds(0)));
    const std::vector<Document> all_but_two(documents.begin() + 1, documents.end() - 1);
    run_scenario(config, all_but_two, engine, folder.path());
  }
  // The first document is answered only after the last has been asked for.
  std::mutex mutex;
  std::condition_variable changed;
  bool last_asked = false;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.answer = [&](const engine::Request& request) {
    std::unique_lock lock(mutex);
    last_asked = last_asked || request.key == "doc-1999";
    changed.notify_all();
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return last_asked; }));
    return engine::fake_response(request, 12);
  };
  engine::FakeEngine engine(fake);
  EXPECT_EQ(run_scenario(config, documents, engine, folder.path()).documents, 2000);
  EXPECT_EQ(engine.calls(), 2);
}

TEST(Augment, TellsDocumentsOfOneIdApart) {
  const TemporaryFolder folder;
  std::vector<Document> documents = {{.id = "same", .text = "One text.", .source = "a"},
                                     {.id = "same", .text = "Another text.", .source = "b"},
                                     {.id = "same", .text = "One text.", .source = "c"}};
  engine::FakeEngine engine;
  const Counts counts = run_scenario({}, documents, engine, folder.path());
  EXPECT_EQ(engine.calls(), 2);
  EXPECT_EQ(counts.from_journal, 1);
  const std::vector<AugmentedDocument> rows = read_rows(folder.path());
  EXPECT_EQ(rows, expected_rows({}, documents, engine));
  EXPECT_EQ(rows[0].trajectory, rows[2].trajectory);
  EXPECT_NE(rows[0].trajectory.text, rows[1].trajectory.text);
}

TEST(Augment, TakesHostileDocuments) {
  const TemporaryFolder folder;
  const std::vector<Document> documents = {
      {.id = "empty", .text = ""},
      {.id = "nul", .text = std::string("a\0b.", 4)},
      {.id = "template", .text = "{{CONTEXT}} {{CONTEXT}}"},
      {.id = "tags", .text = "</think><|im_end|><think>"},
      {.id = "", .text = "no id"},
      {.id = "long", .text = std::string(3'000'000, 'x')},
      {.id = std::string("i\0d", 3), .text = "a NUL in the id"}};
  engine::FakeConfig fake;
  fake.answer = [](const engine::Request& request) {
    engine::Response response;
    response.text = "It says: " + request.prompt.substr(0, 10) + "\xff</think> and more";
    response.generated_tokens = 5;
    return response;
  };
  engine::FakeEngine engine(fake);
  const Counts counts = run_scenario({}, documents, engine, folder.path());
  EXPECT_EQ(counts.documents, 7);
  const std::vector<AugmentedDocument> rows = read_rows(folder.path());
  ASSERT_EQ(rows.size(), documents.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].document, documents[i]);
    EXPECT_EQ(rows[i].trajectory.text.find("</think>"), std::string::npos);
  }
  EXPECT_EQ(rows[0].trajectory.text, "It says: \n## End of\ufffd");
  EXPECT_EQ(rows[2].trajectory.text, "It says: {{CONTEXT}\ufffd");
  EXPECT_EQ(rows[3].trajectory.text, "It says: ");
  EXPECT_EQ(rows[5].trajectory.context_bytes, 2048);
}

class KeptProgress : public Progress {
 public:
  void report(const ProgressState& state) override { last = state; }
  ProgressState last;
};

TEST(Augment, ReportsProgress) {
  const TemporaryFolder folder;
  engine::FakeEngine engine;
  VectorSource<Document> source(scenario_documents(20));
  KeptProgress progress;
  const Counts counts = run({}, source, 20, engine, folder.path(), progress, {});
  EXPECT_EQ(progress.last.stage, "augment");
  EXPECT_EQ(progress.last.done, 20);
  EXPECT_EQ(progress.last.total, 20);
  EXPECT_EQ(progress.last.unit, "documents");
  EXPECT_EQ(progress.last.facts.at(1).second, std::to_string(counts.thinking_tokens));
}

}  // namespace
}  // namespace tpt::augment
