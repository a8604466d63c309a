#include "app/benchmark_files.h"
#include "app/steps.h"
#include "augment/prompt.h"
#include "lab/document_source.h"
#include "lab/questions.h"
#include "storage/atomic_file.h"
#include "storage/augmented_file.h"
#include "tasks/task.h"
#include "tokenize/tokenizer.h"

#include <functional>
#include <memory>
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
  const Stage stage{.step = "pack",
                    .folder = folder,
                    .recipe = recorded_without("pack", config, {"threads"}),
                    .inputs = std::move(inputs)};
  return run_stage(stage, [&] {
    const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(config.tokenizer));
    return pack::to_json(write(*tokenizer));
  });
}

// Context, thinking, and room for the prompt around them.
std::int64_t request_tokens(const augment::Config& config) {
  constexpr std::int64_t kPromptTokens = 512;
  return config.context_tokens + config.max_thinking_tokens + kPromptTokens;
}

// For the progress; 0 where counting would take minutes.
std::int64_t count_documents(const corpus::Config& config) {
  constexpr std::int64_t kQuicklyCountedBytes = std::int64_t{512} << 20U;
  corpus::Config quiet = config;
  quiet.strict = false;
  quiet.max_bad_share = 1;
  corpus::Reader reader(quiet, "");
  if (reader.bytes_total() > kQuicklyCountedBytes) return 0;
  std::int64_t documents = 0;
  for (Document document; reader.next(document);) ++documents;
  return documents;
}

}  // namespace

Json lab_step(const lab::Config& config, const fs::path& folder) {
  const Stage stage{.step = "lab", .folder = folder, .recipe = recorded("lab", config)};
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

Json augment_step(const corpus::Config& corpus, const EngineConfig& engine_config,
                  const augment::Config& config, const fs::path& folder, Run run,
                  const AugmentOptions& options) {
  Json recipe = Json::object();
  recipe["corpus"] = recorded_without("corpus", corpus, {"inputs", "strict", "max_bad_share"});
  recipe["engine"] = recorded_engine(engine_config);
  recipe["augment"] = recorded_without(
      "augment", config, {"attempts", "max_failed_share", "fail_fast", "window_documents"});
  recipe["augment"]["prompt_sha256"] = augment::load_prompt(config.prompt).sha256();
  augment::Hooks hooks;
  if (options.gate) {
    recipe["filter"] = recorded("filter", *options.gate);
    hooks.gate = [gate = std::make_shared<filter::Filter>(*options.gate)](
                     const AugmentedDocument& row) { return gate->judge(row).reason; };
  }
  const Stage stage{.step = "augment",
                    .folder = folder,
                    .recipe = recipe,
                    .inputs = corpus::find_files(corpus),
                    .update = options.update ? storage::Update::wanted : storage::Update::possible};
  return run_stage(stage, [&] {
    const std::int64_t total = count_documents(corpus);
    corpus::Reader documents(corpus, folder / "bad_items.jsonl");
    const auto engine = make_engine(engine_config, request_tokens(config));
    const auto counts =
        augment::run(config, documents, total, *engine, folder, run.progress, run.stop, hooks);
    Json record = augment::to_json(counts);
    record["engine"] = engine->name();
    record["corpus"] = corpus::to_json(documents.counts());
    return record;
  });
}

Json filter_step(const filter::Config& config, const fs::path& input, const fs::path& folder) {
  std::vector<fs::path> inputs = storage::parquet_parts(input);
  const auto benchmarks = benchmark_files(config.decontaminate);
  inputs.insert(inputs.end(), benchmarks.begin(), benchmarks.end());
  const Stage stage{.step = "filter",
                    .folder = folder,
                    .recipe = recorded_without("filter", config, {"decontaminate_megabytes"}),
                    .inputs = std::move(inputs)};
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
    const auto task = tasks::load(examples);
    return pack::write_examples(config, tokenizer, task.questions, folder, run.progress, run.stop);
  });
}

}  // namespace tpt::app
