// The ways of a row: chunks, rollouts, caps, loops, the gate.
#include "augment/augment.h"
#include "augment/request.h"
#include "augment/scenario.h"
#include "augment/time_left.h"
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
#include <thread>
#include <vector>

namespace tpt::augment {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Counts run_gated(const Config& config, const std::vector<Document>& documents,
                 engine::Engine& engine, const std::filesystem::path& folder, Hooks hooks) {
  VectorSource<Document> source(documents);
  NoProgress progress;
  return run(config, source, static_cast<std::int64_t>(documents.size()), engine, folder, progress,
             {}, std::move(hooks));
}

TEST(Ways, ChunksAndRolloutsComeInOrderAndJoinToTheDocument) {
  Config config = scenario_config();
  config.chunk_tokens = 60;
  config.rollouts = 3;
  const std::vector<Document> documents = scenario_documents(36);
  const TemporaryFolder folder;
  engine::FakeEngine engine(scenario_engine(milliseconds(1)));
  const Counts counts = run_scenario(config, documents, engine, folder.path());
  const auto rows = read_rows(folder.path());
  std::size_t at = 0;
  std::set<std::uint64_t> seeds;
  std::set<std::string> identities;
  for (const Document& document : documents) {
    for (std::int64_t rollout = 0; rollout < 3; ++rollout) {
      std::string text;
      const std::int64_t chunks = rows[at].chunks;
      for (std::int64_t chunk = 0; chunk < chunks; ++chunk, ++at) {
        const AugmentedDocument& row = rows.at(at);
        EXPECT_EQ(row.document.id, document.id);
        EXPECT_EQ(row.document.metadata, document.metadata);
        EXPECT_EQ(row.trajectory.rollout, rollout);
        EXPECT_EQ(row.chunk, chunk);
        EXPECT_EQ(row.chunks, chunks);
        text += row.document.text;
        seeds.insert(row.trajectory.seed);
        identities.insert(row.trajectory.request_sha256);
      }
      EXPECT_EQ(text, document.text);
    }
  }
  EXPECT_EQ(at, rows.size());
  EXPECT_GT(rows.size(), 3 * documents.size());
  EXPECT_EQ(seeds.size(), rows.size());
  EXPECT_EQ(identities.size(), rows.size());
  EXPECT_EQ(counts.documents, 36);
  EXPECT_EQ(counts.rows_in, static_cast<std::int64_t>(rows.size()));
  EXPECT_EQ(engine.calls(), counts.rows_in);
}

TEST(Ways, OnlyWhatChangedIsAskedAgain) {
  const TemporaryFolder folder;
  std::vector<Document> documents = scenario_documents(30);
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  run_scenario(scenario_config(), documents, engine, folder.path());
  const auto before = read_rows(folder.path());
  documents[7].text += "One sentence more.";
  documents.erase(documents.begin() + 3);
  documents.push_back({.id = "new", .text = "A new text."});
  const std::int64_t calls = engine.calls();
  const Counts counts = run_scenario(scenario_config(), documents, engine, folder.path());
  EXPECT_EQ(engine.calls() - calls, 2);
  EXPECT_EQ(counts.asked, 2);
  EXPECT_EQ(counts.from_journal, 28);
  const auto after = read_rows(folder.path());
  EXPECT_EQ(after[20], before[21]);
  EXPECT_NE(after[6].trajectory.request_sha256, before[7].trajectory.request_sha256);
  Config other = scenario_config();
  other.temperature = 0.7;
  EXPECT_EQ(run_scenario(other, documents, engine, folder.path()).asked, 30);
  EXPECT_EQ(run_scenario(scenario_config(), documents, engine, folder.path()).asked, 0);
}

TEST(Ways, AtTheCapAsThePolicySays) {
  const std::vector<Document> documents = {{.id = "d", .text = "Some text."}};
  // Forty sentences of ten bytes; a call gives what comes after the answer's start, up to the cap.
  std::string whole_thinking;
  for (int i = 0; i < 40; ++i) whole_thinking += fmt::format("Say no {:02}. ", i);
  engine::FakeConfig fake;
  fake.answer = [&](const engine::Request& request) {
    const std::size_t said = request.answer_start.size() - std::string("<think>\n").size();
    const auto most = static_cast<std::size_t>(request.sampling.max_tokens);
    EXPECT_EQ(request.answer_start, "<think>\n" + whole_thinking.substr(0, said));
    engine::Response response;
    response.text = whole_thinking.substr(said, most);
    response.generated_tokens = static_cast<std::int64_t>(response.text.size());
    response.prompt_tokens = 3;
    response.finish = said + most < whole_thinking.size() ? Finish::length : Finish::stop;
    return response;
  };
  engine::FakeEngine engine(fake);
  Config config;
  config.max_thinking_tokens = 100;
  const TemporaryFolder folder;
  const auto row_with = [&](AtCap policy, std::int64_t continuations) {
    config.at_cap = policy;
    config.max_continuations = continuations;
    run_scenario(config, documents, engine, folder.path());
    return read_rows(folder.path()).at(0).trajectory;
  };
  EXPECT_EQ(row_with(AtCap::keep, 1).text, whole_thinking.substr(0, 100));
  EXPECT_EQ(row_with(AtCap::keep, 1).finish, Finish::length);
  EXPECT_EQ(row_with(AtCap::trim, 1).text, whole_thinking.substr(0, 98));
  EXPECT_EQ(row_with(AtCap::trim, 1).finish, Finish::trimmed);
  EXPECT_EQ(engine.calls(), 1);  // another policy is no other question
  EXPECT_EQ(row_with(AtCap::go_on, 2).text, whole_thinking.substr(0, 300));
  EXPECT_EQ(row_with(AtCap::go_on, 2).finish, Finish::length);
  EXPECT_EQ(row_with(AtCap::go_on, 2).thinking_tokens, 300);
  EXPECT_EQ(row_with(AtCap::go_on, 2).prompt_tokens, 9);
  EXPECT_EQ(engine.calls(), 3);
  EXPECT_EQ(row_with(AtCap::go_on, 9).text, whole_thinking);
  EXPECT_EQ(row_with(AtCap::go_on, 9).finish, Finish::stop);
  EXPECT_EQ(engine.calls(), 5);
  config.at_cap = AtCap::set_aside;
  const Counts counts = run_scenario(config, documents, engine, folder.path());
  EXPECT_EQ(counts.rows, 0);
  EXPECT_EQ(counts.reasons, (std::map<std::string, std::int64_t>{{"cap", 1}}));
  EXPECT_EQ(counts.rejected_tokens, 100);
  EXPECT_TRUE(read_rows(folder.path()).empty());
  EXPECT_EQ(read_rows(folder.path() / "rejected").size(), 1U);
  EXPECT_EQ(row_with(AtCap::keep, 1).finish, Finish::length);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "rejected"));
}

TEST(Ways, StopsLoopsAndAsksAgainWithoutThem) {
  const std::vector<Document> documents = {{.id = "d", .text = "Some text."}};
  engine::FakeConfig fake;
  fake.answer = [](const engine::Request&) {
    engine::Response response;
    for (int i = 0; i < 1000; ++i) response.text += "Wait, let me check that. ";
    response.generated_tokens = static_cast<std::int64_t>(response.text.size());
    response.finish = Finish::length;
    return response;
  };
  engine::FakeEngine engine(fake);
  Config config;
  config.max_thinking_tokens = 25'000;
  const TemporaryFolder folder;
  const Counts counts = run_scenario(config, documents, engine, folder.path());
  const Trajectory stopped = read_rows(folder.path()).at(0).trajectory;
  EXPECT_EQ(stopped.finish, Finish::loop);
  EXPECT_LT(stopped.text.size(), 2000U);
  EXPECT_EQ(counts.saved_tokens, 25'000 - stopped.thinking_tokens);
  EXPECT_EQ(counts.finished.at("loop"), 1);
  EXPECT_EQ(run_scenario(config, documents, engine, folder.path()).asked, 0);
  config.stop_loops = false;
  EXPECT_EQ(run_scenario(config, documents, engine, folder.path()).asked, 1);
  EXPECT_EQ(read_rows(folder.path()).at(0).trajectory.text.size(), 25'000U);
}

Judgement sizes_gate(const AugmentedDocument& row) {
  const std::size_t bytes = row.trajectory.text.size();
  if (bytes % 3 == 0) return {"divisible", fmt::format("{} bytes", bytes)};
  return bytes % 5 == 0 ? Judgement{"round", ""} : Judgement{};
}

TEST(Ways, TheGateSetsRowsAsideWithTheirReasonAndDetail) {
  const std::vector<Document> documents = scenario_documents(200);
  const TemporaryFolder folder;
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  fake.failure_share = 0.05;
  fake.failures_of_a_key = 3;
  Config config = scenario_config();
  config.max_failed_share = 1;
  JobStatus last;
  engine::FakeEngine engine(fake);
  const Counts counts =
      run_gated(config, documents, engine, folder.path(),
                {.gate = sizes_gate, .on_status = [&](const JobStatus& s) { last = s; }});
  EXPECT_EQ(counts.rows_in, 200);
  EXPECT_GT(counts.failed, 0);
  EXPECT_GT(counts.rejected, 20);
  EXPECT_EQ(counts.rows + counts.rejected + counts.failed, 200);
  EXPECT_EQ(last.rows_in, 200);
  EXPECT_EQ(last.rows_rejected, counts.rejected);
  EXPECT_EQ(last.seconds_left, 0);
  EXPECT_EQ(last.in_flight, 0);
  std::map<std::string, std::int64_t> reasons;
  storage::AugmentedReader rejected(folder.path() / "rejected");
  for (AugmentedDocument row; rejected.next(row);) {
    EXPECT_EQ(rejected.reason(), sizes_gate(row).reason);
    EXPECT_EQ(rejected.detail(), sizes_gate(row).detail);
    ++reasons[rejected.reason()];
  }
  EXPECT_EQ(reasons, counts.reasons);
  for (const auto& row : read_rows(folder.path())) EXPECT_EQ(sizes_gate(row).reason, "");
  // Without the gate all stand in the parts again, and nothing is asked but what had failed.
  const Counts open = run_gated(config, documents, engine, folder.path(), {});
  EXPECT_EQ(open.asked, counts.failed);
  EXPECT_EQ(open.rows, 200);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "rejected"));
}

TEST(Ways, TheStatusKnowsOfRowsThatAreHeldAndOfItemsThatWereBad) {
  std::vector<Document> documents = scenario_documents(30);
  engine::FakeConfig fake = scenario_engine(milliseconds(0));
  // The first one is slow, and the others wait behind it.
  fake.answer = [](const engine::Request& request) {
    if (request.key == "doc-0") std::this_thread::sleep_for(milliseconds(400));
    return engine::fake_response(request, 12);
  };
  engine::FakeEngine engine(fake);
  Config config = scenario_config();
  config.window_documents = 1;  // 32, by what is in flight
  std::vector<JobStatus> seen;
  const Hooks hooks{.on_status = [&](const JobStatus& status) { seen.push_back(status); }};
  VectorSource<Document> source(documents);
  NoProgress progress;
  const TemporaryFolder folder;
  // Two more were counted than could be read.
  run(config, source, 32, engine, folder.path(), progress, {}, hooks);
  bool some_were_held = false;
  for (const JobStatus& status : seen) {
    if (status.documents_read == 0) continue;
    EXPECT_EQ(rows_expected(status), status.documents_total);
    some_were_held |= status.rows_in == 0 && status.rows_begun == 30 && status.in_flight == 1;
  }
  EXPECT_TRUE(some_were_held);
  EXPECT_EQ(seen.back().documents_total, 30);
}

TEST(Ways, AGateThatThrowsEndsTheRun) {
  const TemporaryFolder folder;
  engine::FakeEngine engine(scenario_engine(milliseconds(0)));
  const auto gate = [](const AugmentedDocument&) -> Judgement { data_error("the gate is shut"); };
  EXPECT_THROW(run_gated(scenario_config(), scenario_documents(2000), engine, folder.path(),
                         {.gate = gate, .on_status = {}}),
               Error);
  EXPECT_EQ(run_scenario(scenario_config(), scenario_documents(2000), engine, folder.path()).rows,
            2000);
}

TEST(Ways, FillsFieldsOfTheDocumentIn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "prompt.txt";
  storage::write_file_atomically(path, "{{QUESTION}}|{{n}}|{{CONTEXT}}|{{BEFORE}}");
  std::vector<Document> documents = {
      {.id = "a", .text = "T.", .metadata = R"({"question":"Why {{n}}?","n":3})"},
      {.id = "b", .text = "T.", .metadata = R"({"question":"Why?"})"},
      {.id = "c", .text = "One. Two.", .metadata = R"({"QUESTION":"Q","question":"q","n":[1]})"}};
  std::set<std::string> prompts;
  std::mutex mutex;
  engine::FakeConfig fake;
  fake.answer = [&](const engine::Request& request) {
    const std::scoped_lock lock(mutex);
    prompts.insert(request.prompt);
    return engine::fake_response(request, 12);
  };
  engine::FakeEngine engine(fake);
  Config config;
  config.prompt = path.string();
  config.chunk_tokens = 5;
  config.max_failed_share = 0.5;
  const Counts counts = run_scenario(config, documents, engine, folder.path() / "out");
  EXPECT_EQ(prompts,
            (std::set<std::string>{"Why {{n}}?|3|T.|", "Q|[1]|One.|", "Q|[1]| Two.|One."}));
  EXPECT_EQ(counts.failed, 1);
  EXPECT_THAT(storage::read_file(folder.path() / "out/failed.jsonl"),
              HasSubstr("no field \\\"n\\\""));
}

TEST(WaysSlow, HoldsAnswersBackFromMemoryInTheJournal) {
  // 300 answers of a megabyte wait behind the first.
  std::vector<Document> many;
  for (int i = 0; i < 300; ++i) many.push_back({.id = fmt::format("d{}", i), .text = "T."});
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t answered = 0;
  engine::FakeConfig fake;
  fake.capacity = 64;
  fake.answer = [&](const engine::Request& request) {
    std::unique_lock lock(mutex);
    if (request.key == "d0") {
      EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return answered > 200; }));
    }
    ++answered;
    changed.notify_all();
    engine::Response response;
    response.text = request.key + std::string(1'000'000, 'x') + ".";
    response.generated_tokens = 7;
    return response;
  };
  engine::FakeEngine engine(fake);
  Config config;
  config.stop_loops = false;
  const TemporaryFolder folder;
  EXPECT_EQ(run_scenario(config, many, engine, folder.path()).rows, 300);
  storage::AugmentedReader reader(folder.path());
  int at = 0;
  for (AugmentedDocument row; reader.next(row); ++at) {
    EXPECT_EQ(row.trajectory.text.size(), row.document.id.size() + 1'000'001);
    EXPECT_EQ(row.document.id, fmt::format("d{}", at));
  }
  EXPECT_EQ(at, 300);
}

}  // namespace
}  // namespace tpt::augment
