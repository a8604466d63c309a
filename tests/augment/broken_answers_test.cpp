// Answers that are too long, refused, torn, or none at all.
#include "augment/augment.h"
#include "augment/request.h"
#include "augment/scenario.h"
#include "base/error.h"
#include "base/json.h"
#include "storage/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace tpt::augment {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

engine::Response failure_of(engine::Failure failure, const std::string& error) {
  engine::Response response;
  response.finish = Finish::error;
  response.failure = failure;
  response.error = error;
  return response;
}

TEST(BrokenAnswers, ShortensWhatIsTooLongOnce) {
  Document document{.id = "d"};
  for (int i = 0; i < 300; ++i) document.text += fmt::format("Sentence {} of the text. ", i);
  const auto holds = [](std::size_t bytes, bool with_numbers) {
    engine::FakeConfig fake;
    fake.answer = [=](const engine::Request& request) {
      if (request.prompt.size() <= bytes) return engine::fake_response(request, 12);
      return failure_of(engine::Failure::too_long,
                        with_numbers ? fmt::format("This model's maximum context length is {} "
                                                   "tokens. However, you requested {} tokens.",
                                                   bytes, request.prompt.size())
                                     : "it does not fit");
    };
    return fake;
  };
  for (const bool with_numbers : {true, false}) {
    const TemporaryFolder folder;
    engine::FakeEngine engine(holds(4000, with_numbers));
    Config config;
    config.context_tokens = 6000;
    run_scenario(config, {document}, engine, folder.path());
    EXPECT_EQ(engine.calls(), 2);
    const auto row = read_rows(folder.path()).at(0);
    EXPECT_LT(row.trajectory.context_bytes, 4000);
    EXPECT_GT(row.trajectory.context_bytes, with_numbers ? 3000 : 2500);
    EXPECT_EQ(row.document.text[static_cast<std::size_t>(row.trajectory.context_bytes) - 1], '.');
    // Found again, with what was shown in the end.
    run_scenario(config, {document}, engine, folder.path());
    EXPECT_EQ(engine.calls(), 2);
    EXPECT_EQ(read_rows(folder.path()).at(0), row);
  }
  const TemporaryFolder folder;
  engine::FakeEngine engine(holds(10, false));
  Config config;
  config.max_failed_share = 1;
  EXPECT_EQ(run_scenario(config, {document}, engine, folder.path()).failed, 1);
  EXPECT_EQ(engine.calls(), 2);
  EXPECT_THAT(storage::read_file(folder.path() / "failed.jsonl"), HasSubstr("does not fit"));
}

TEST(BrokenAnswers, KeepsWhatABrokenAnswerHadAndAsksRefusedOnesOnce) {
  const std::vector<Document> documents = scenario_documents(20);
  engine::FakeConfig fake;
  fake.answer = [](const engine::Request& request) {
    if (request.key == "doc-3") {
      engine::Response response = failure_of(engine::Failure::broken, "cut in the middle");
      response.text = "It says that\xff";
      response.generated_tokens = 12;
      response.attempts = 5;
      return response;
    }
    if (request.key == "doc-4") return failure_of(engine::Failure::refused, "400 no");
    return engine::fake_response(request, 12);
  };
  engine::FakeEngine engine(fake);
  Config config;
  config.max_failed_share = 0.5;
  const TemporaryFolder folder;
  const Counts counts = run_scenario(config, documents, engine, folder.path());
  EXPECT_EQ(counts.failed, 2);
  EXPECT_EQ(counts.wasted_tokens, 12);
  EXPECT_EQ(engine.calls_by_key()["doc-3"], 1);  // whoever asked five times has tried enough
  EXPECT_EQ(engine.calls_by_key()["doc-4"], 1);
  EXPECT_EQ(storage::read_file(folder.path() / "failed.jsonl"),
            "{\"id\":\"doc-3\",\"error\":\"cut in the middle\",\"failure\":\"broken\","
            "\"attempts\":5,\"partial\":\"It says that\ufffd\"}\n"
            "{\"id\":\"doc-4\",\"error\":\"400 no\",\"failure\":\"refused\",\"attempts\":1}\n");
}

TEST(BrokenAnswers, EndsAtOnceWhereNobodyIsAnswered) {
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.answer = [](const engine::Request& request) {
    if (request.key.size() > 5) return failure_of(engine::Failure::unauthorized, "401 bad key");
    return engine::fake_response(request, 12);
  };
  {
    engine::FakeEngine engine(fake);
    try {
      run_scenario(scenario_config(), scenario_documents(500), engine, folder.path());
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::remote);
      EXPECT_THAT(error.what(), HasSubstr("401 bad key"));
      EXPECT_THAT(error.what(), HasSubstr("run the same command again"));
    }
    EXPECT_LT(engine.calls(), 40);
  }
  engine::FakeEngine well(scenario_engine(milliseconds(0)));
  const Counts counts =
      run_scenario(scenario_config(), scenario_documents(500), well, folder.path());
  EXPECT_EQ(counts.rows, 500);
  EXPECT_GE(counts.from_journal, 10);
}

TEST(BrokenAnswers, FailFastEndsAtTheFirstFailure) {
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.failure_share = 0.02;
  fake.failures_of_a_key = 1000;
  engine::FakeEngine engine(fake);
  Config config = scenario_config();
  config.fail_fast = true;
  try {
    run_scenario(config, scenario_documents(2000), engine, folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), HasSubstr("told to fail doc-"));
  }
  EXPECT_LT(engine.calls(), 1000);
}

}  // namespace
}  // namespace tpt::augment
