// What becomes of documents that get no answer, and of a run that cannot go on.
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

TEST(Augment, TriesAgainAfterAFailure) {
  const std::vector<Document> documents = scenario_documents(100);
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(1));
  fake.failure_share = 0.3;
  fake.failures_of_a_key = 2;
  engine::FakeEngine engine(fake);
  const Counts counts = run_scenario(scenario_config(), documents, engine, folder.path());
  EXPECT_EQ(counts.failed, 0);
  EXPECT_EQ(read_rows(folder.path()), expected_rows(scenario_config(), documents, engine));
}

TEST(Augment, KeepsFailedDocumentsAside) {
  const std::vector<Document> documents = scenario_documents(100);
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(1));
  fake.failure_share = 0.2;
  fake.failures_of_a_key = 3;
  engine::FakeEngine engine(fake);
  Config config = scenario_config();
  config.max_failed_share = 0.5;
  const Counts counts = run_scenario(config, documents, engine, folder.path());
  EXPECT_GT(counts.failed, 5);
  EXPECT_EQ(counts.documents, 100);
  EXPECT_EQ(counts.rows + counts.failed, 100);
  const std::string failed = storage::read_file(folder.path() / "failed.jsonl");
  EXPECT_EQ(std::count(failed.begin(), failed.end(), '\n'), counts.failed);
  EXPECT_THAT(failed, HasSubstr("the fake engine was told to fail doc-"));
  EXPECT_EQ(static_cast<std::int64_t>(read_rows(folder.path()).size()), counts.rows);

  // The engine is well again: only the failed ones are asked for, and the rows are complete.
  const std::int64_t calls = engine.calls();
  const Counts again = run_scenario(config, documents, engine, folder.path());
  EXPECT_EQ(engine.calls() - calls, counts.failed);
  EXPECT_EQ(again.failed, 0);
  EXPECT_EQ(read_rows(folder.path()), expected_rows(config, documents, engine));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "failed.jsonl"));
}

TEST(Augment, EndsWithItsFailuresCountedAndToldOnce) {
  const std::vector<Document> documents = scenario_documents(30);
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  // The first one is answered last, so that all others wait behind it.
  fake.answer = [](const engine::Request& request) {
    if (request.key == "doc-0") std::this_thread::sleep_for(milliseconds(100));
    return engine::Response{.finish = Finish::error,
                            .error = "nobody is up; run the same command again to go on",
                            .failure = engine::Failure::refused};
  };
  engine::FakeEngine engine(fake);
  JobStatus last;
  std::string told;
  try {
    run_scenario(scenario_config(), documents, engine, folder.path(), {},
                 {.on_status = [&](const JobStatus& status) { last = status; }});
  } catch (const Error& error) {
    told = error.what();
  }
  const std::string again = "run the same command again";
  EXPECT_NE(told.find(again), std::string::npos) << told;
  EXPECT_EQ(told.find(again), told.rfind(again)) << told;
  const std::string failed = storage::read_file(folder.path() / "failed.jsonl");
  EXPECT_GT(last.rows_failed, 1);
  EXPECT_EQ(std::count(failed.begin(), failed.end(), '\n'), last.rows_failed);
}

TEST(Augment, FailsWhereTooManyDo) {
  const std::vector<Document> documents = scenario_documents(5000);
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.failure_share = 0.5;
  fake.failures_of_a_key = 1000;
  engine::FakeEngine engine(fake);
  try {
    run_scenario(scenario_config(), documents, engine, folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::remote);
    EXPECT_THAT(error.what(), HasSubstr("more than max_failed_share 0.05 allows; the first: doc-"));
  }
  EXPECT_LT(engine.calls(), 3000);  // does not go through them all first
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "failed.jsonl"));
  EXPECT_GT(storage::Journal(folder.path() / "journal.sqlite").size(), 100);
}

TEST(Augment, FailsAtTheEndOfAShortCorpus) {
  const TemporaryFolder folder;
  engine::FakeConfig fake;
  fake.answer = [](const engine::Request& request) {
    engine::Response response = engine::fake_response(request, 12);
    response.finish = request.key == "doc-3" ? Finish::error : Finish::stop;
    return response;
  };
  engine::FakeEngine engine(fake);
  EXPECT_THROW(run_scenario({}, scenario_documents(10), engine, folder.path()), Error);
  EXPECT_EQ(engine.calls_by_key()["doc-3"], 3);
  const Document document = scenario_documents(10)[3];
  EXPECT_EQ(storage::read_file(folder.path() / "failed.jsonl"),
            "{\"id\":\"doc-3\",\"error\":\"the engine did not say why\",\"failure\":\"none\","
            "\"attempts\":3,\"partial\":\"" +
                engine::fake_response(
                    make_request({}, load_prompt("tpt"), whole(document), engine).request, 12)
                    .text +
                "\"}\n");
}

class BrokenSource : public VectorSource<Document> {
 public:
  using VectorSource<Document>::VectorSource;
  bool next(Document& document) override {
    if (!VectorSource<Document>::next(document)) {
      data_error("corpus.jsonl:31: not a JSON object");
    }
    return true;
  }
};

TEST(Augment, JournalsWhatIsInFlightWhenReadingFails) {
  const TemporaryFolder folder;
  engine::FakeEngine engine(scenario_engine(milliseconds(20)));
  BrokenSource source(scenario_documents(30));
  NoProgress progress;
  try {
    run(scenario_config(), source, 0, engine, folder.path(), progress, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "corpus.jsonl:31: not a JSON object");
  }
  EXPECT_EQ(storage::Journal(folder.path() / "journal.sqlite").size(), 30);
}

TEST(Augment, RefusesASecondProcess) {
  const TemporaryFolder folder;
  const storage::Journal other(folder.path() / "journal.sqlite");
  engine::FakeEngine engine;
  try {
    run_scenario({}, scenario_documents(3), engine, folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::user);
  }
  EXPECT_EQ(engine.calls(), 0);
}

}  // namespace
}  // namespace tpt::augment
