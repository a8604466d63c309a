#include "app/benchmark_files.h"
#include "app/steps.h"
#include "lab/document_source.h"
#include "lab/questions.h"
#include "pack/shard_layout.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"
#include "tasks/example_reader.h"
#include "tasks/task.h"
#include "tokenize/tokenizer.h"
#include "tokenize/tokenizer_files.h"

#include <functional>
#include <utility>
#include <vector>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

std::int64_t write_documents(Source<Document>& documents, const fs::path& file) {
  storage::AtomicFile output(file);
  std::int64_t written = 0;
  for (Document document; documents.next(document); ++written) {
    Json line = Json::object();
    line["id"] = document.id;
    line["text"] = document.text;
    line.update(parse_json(document.metadata, document.id));
    output.write(dump_json(line) + "\n");
  }
  output.commit();
  return written;
}

// Documents as rows whose thinking is empty.
class WithoutThinking : public Source<AugmentedDocument> {
 public:
  explicit WithoutThinking(Source<Document>& documents) : documents_(documents) {}
  bool next(AugmentedDocument& row) override {
    row.trajectory = {};
    return documents_.next(row.document);
  }

 private:
  Source<Document>& documents_;
};

// What all ways of packing share: the record of the step, and the tokenizer.
Json run_pack(const pack::Config& config, std::vector<fs::path> inputs, const fs::path& folder,
              const std::function<pack::Counts(const tokenize::Tokenizer&)>& write) {
  // The embedded one is part of the program.
  if (config.tokenizer != "embedded") {
    const auto files = tokenize::tokenizer_files(config.tokenizer);
    inputs.insert(inputs.end(), files.begin(), files.end());
  }
  const Stage stage{
      .step = "pack",
      .folder = folder,
      .recipe = recorded_without("pack", config, {"threads"}),
      .inputs = std::move(inputs),
      .writes = {std::string(pack::kShardPrefix) + ".*", std::string(pack::kShardInfo),
                 std::string(pack::kShardTokenizer), "bad_items.jsonl"}};
  return run_stage(stage, [&] {
    const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(config.tokenizer));
    return pack::to_json(write(*tokenizer));
  });
}

}  // namespace

Json lab_step(const lab::Config& config, const fs::path& folder) {
  const Stage stage{
      .step = "lab",
      .folder = folder,
      .recipe = recorded("lab", config),
      .writes = {"documents.jsonl", "held_out.jsonl", "questions.jsonl", "examples.jsonl"}};
  return run_stage(stage, [&] {
    const LabFiles files{folder};
    lab::check(config);
    lab::DocumentSource training(config);
    lab::DocumentSource held_out(config, lab::Split::held_out);
    Json counts = Json::object();
    counts["documents"] = write_documents(training, files.documents());
    counts["held_out_documents"] = write_documents(held_out, files.held_out());
    const auto questions = lab::questions(config);
    const auto examples = lab::examples(config);
    tasks::save({.name = "questions", .questions = questions}, files.questions());
    tasks::save({.name = "examples", .questions = examples}, files.examples());
    counts["questions"] = questions.size();
    counts["examples"] = examples.size();
    return counts;
  });
}

Json filter_step(const filter::Config& config, const fs::path& input, const fs::path& folder) {
  std::vector<fs::path> inputs = storage::parquet_parts(input);
  const auto named = filter_files(config);
  inputs.insert(inputs.end(), named.begin(), named.end());
  const Stage stage{.step = "filter",
                    .folder = folder,
                    .recipe = recorded_without("filter", config, {"decontaminate_megabytes"}),
                    .inputs = std::move(inputs),
                    .writes = {"kept", "rejected"}};
  return run_stage(stage, [&] {
    const filter::Filter filter(config, filter_materials(config, config.prompts));
    storage::AugmentedReader rows(input);
    storage::AugmentedWriter kept(folder / "kept");
    storage::AugmentedWriter rejected(folder / "rejected");
    const auto reject = [&](AugmentedDocument row, filter::Verdict verdict) {
      rejected.put(std::move(row), std::move(verdict.reason), std::move(verdict.detail));
    };
    const auto counts = filter::apply(filter, rows, kept, reject);
    kept.finish();
    rejected.finish();
    return filter::to_json(counts);
  });
}

Json pack_step(const pack::Config& config, const fs::path& input, const fs::path& folder, Run run) {
  return run_pack(config, storage::parquet_parts(input), folder, [&](const auto& tokenizer) {
    storage::AugmentedReader rows(input);
    return pack::write_shards(config, tokenizer, rows, folder, run.progress, run.stop);
  });
}

Json pack_documents_step(pack::Config config, const corpus::Config& corpus, const fs::path& folder,
                         Run run) {
  config.format = pack::Format::vanilla;
  config.shuffle_thinking = false;
  config.shuffle = false;
  return run_pack(config, corpus::find_files(corpus), folder, [&](const auto& tokenizer) {
    corpus::Reader documents(corpus, folder / "bad_items.jsonl");
    WithoutThinking rows(documents);
    return pack::write_shards(config, tokenizer, rows, folder, run.progress, run.stop);
  });
}

Json pack_examples_step(const pack::Config& config, const fs::path& examples,
                        const fs::path& folder, Run run) {
  return run_pack(config, {examples}, folder, [&](const auto& tokenizer) {
    tasks::ExampleReader conversations(examples);
    return pack::write_examples(config, tokenizer, conversations, folder, run.progress, run.stop);
  });
}

}  // namespace tpt::app
