#include "augment/scenario.h"

#include "augment/prompt.h"
#include "augment/request.h"
#include "base/error.h"
#include "base/random.h"
#include "storage/atomic_file.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

namespace tpt::augment {

std::vector<Document> scenario_documents(std::int64_t count) {
  std::vector<Document> documents;
  for (std::int64_t i = 0; i < count; ++i) {
    if (i % 37 == 36) {
      documents.push_back(documents[static_cast<std::size_t>(i / 2)]);
      continue;
    }
    Document document;
    document.id = fmt::format("doc-{}", i);
    Random random(derive_seed(0, document.id, "scenario"));
    const std::uint64_t sentences = 1 + random.below(12);
    for (std::uint64_t k = 0; k < sentences; ++k) {
      document.text +=
          fmt::format("Sentence {} of {} says {}. ", k, document.id, random.below(100));
    }
    document.source = "scenario.jsonl";
    document.metadata = fmt::format(R"({{"number":{}}})", i);
    documents.push_back(std::move(document));
  }
  return documents;
}

Config scenario_config() {
  Config config;
  config.context_tokens = 120;
  config.max_thinking_tokens = 100;
  config.window_documents = 40;
  config.rows_per_part = 64;
  return config;
}

engine::FakeConfig scenario_engine(std::chrono::milliseconds delay) {
  engine::FakeConfig config;
  config.threads = 4;
  config.capacity = 8;
  config.delay = delay;
  return config;
}

Counts run_scenario(const Config& config, const std::vector<Document>& documents,
                    engine::Engine& engine, const std::filesystem::path& folder,
                    std::stop_token stop, Hooks hooks) {
  VectorSource<Document> source(documents);
  NoProgress progress;
  return run(config, source, static_cast<std::int64_t>(documents.size()), engine, folder, progress,
             std::move(stop), std::move(hooks));
}

Judgement scenario_gate(const AugmentedDocument& row) {
  const std::size_t bytes = row.trajectory.text.size();
  if (bytes % 4 == 0) return {"even", fmt::format("{} bytes", bytes)};
  return bytes % 7 == 0 ? Judgement{"odd", ""} : Judgement{};
}

std::vector<AugmentedDocument> expected_rows(const Config& config,
                                             const std::vector<Document>& documents,
                                             const engine::Engine& engine) {
  const Prompt prompt = load_prompt(config.prompt);
  std::vector<AugmentedDocument> rows;
  for (const Document& document : documents) {
    const PieceRequest made = make_request(config, prompt, whole(document), engine);
    const engine::Response response = engine::fake_response(made.request, 12);
    rows.push_back({.document = document,
                    .trajectory = {.text = response.text,
                                   .finish = response.finish,
                                   .prompt_tokens = response.prompt_tokens,
                                   .thinking_tokens = response.generated_tokens,
                                   .context_bytes = made.context_bytes,
                                   .seed = derive_seed(1, document.id, "augment"),
                                   .rollout = 0,
                                   .engine = "fake",
                                   .prompt_sha256 = prompt.sha256(),
                                   .request_sha256 = made.hash}});
  }
  return rows;
}

std::vector<AugmentedDocument> read_rows(const std::filesystem::path& folder) {
  storage::AugmentedReader reader(folder);
  std::vector<AugmentedDocument> rows;
  for (AugmentedDocument row; reader.next(row);) {
    rows.push_back(std::move(row));
  }
  return rows;
}

std::map<std::string, std::string> parquet_bytes(const std::filesystem::path& folder) {
  std::map<std::string, std::string> bytes;
  for (const std::filesystem::path& part : storage::parquet_parts(folder)) {
    bytes[part.filename().string()] = storage::read_file(part);
  }
  if (!std::filesystem::exists(folder / "rejected")) return bytes;
  for (const std::filesystem::path& part : storage::parquet_parts(folder / "rejected")) {
    bytes["rejected/" + part.filename().string()] = storage::read_file(part);
  }
  return bytes;
}

int run_child(const std::filesystem::path& folder, const std::filesystem::path& log) {
  const int descriptor = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  TPT_CHECK(descriptor >= 0);
  engine::FakeConfig fake = scenario_engine(std::chrono::milliseconds(3));
  fake.answer = [descriptor](const engine::Request& request) {
    const std::string line = request.key + "\n";
    TPT_CHECK(write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    return engine::fake_response(request, 12);
  };
  engine::FakeEngine engine(fake);
  run_scenario(scenario_config(), scenario_documents(400), engine, folder, {},
               {.gate = scenario_gate, .on_status = {}});
  return 0;
}

}  // namespace tpt::augment
