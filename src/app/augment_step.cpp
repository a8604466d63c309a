#include "app/augment_watch.h"
#include "app/benchmark_files.h"
#include "app/machine.h"
#include "app/shards.h"
#include "app/steps.h"
#include "augment/prompt.h"
#include "augment/row_statistics.h"
#include "base/error.h"
#include "corpus/count.h"
#include "storage/atomic_file.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

// Context, thinking, and room for the prompt around them.
std::int64_t request_tokens(const augment::Config& config) {
  constexpr std::int64_t kPromptTokens = 512;
  return config.context_tokens + config.before_tokens + config.max_thinking_tokens + kPromptTokens;
}

// For the progress; 0 where counting would take long.
std::int64_t count_documents(const corpus::Config& config, const corpus::ShardPlan& plan) {
  constexpr std::int64_t kQuicklyCountedBytes = std::int64_t{512} << 20U;
  std::int64_t bytes = 0;
  for (const corpus::FilePiece& piece : plan.pieces) bytes += piece.end - piece.begin;
  if (bytes > kQuicklyCountedBytes) return 0;
  try {
    const std::int64_t count = corpus::count_items(plan).value_or(0);
    return config.limit > 0 ? std::min(config.limit, count) : count;
  } catch (const Error& error) {
    // What cannot be read any further is told where it is read for its documents.
    if (error.kind() != ErrorKind::data) throw;
    return 0;
  }
}

// What decides the rows: it stands in the folder's record.
Json recipe_of(const corpus::Config& corpus, const EngineConfig& engine,
               const augment::Config& config, const AugmentOptions& options) {
  Json recipe = Json::object();
  recipe["corpus"] = recorded_without("corpus", corpus, {"inputs", "strict", "max_bad_share"});
  recipe["engine"] = recorded_engine(engine);
  recipe["augment"] = recorded_without(
      "augment", config, {"attempts", "max_failed_share", "fail_fast", "window_documents"});
  if (!config.model_sha256.empty()) recipe["engine"]["model_sha256"] = config.model_sha256;
  recipe["augment"]["prompt_sha256"] = augment::load_prompt(config.prompt).sha256();
  if (options.gate) {
    recipe["filter"] = recorded_without("filter", *options.gate, {"decontaminate_megabytes"});
  }
  return recipe;
}

// Judges the rows as they are settled; empty where nothing is to be judged.
augment::Gate make_gate(const augment::Config& config, const AugmentOptions& options) {
  if (!options.gate) return {};
  std::vector<std::string> prompts = options.gate->prompts;
  prompts.push_back(config.prompt);
  const auto filter = std::make_shared<const filter::Filter>(
      *options.gate, filter_materials(*options.gate, prompts));
  return [filter](const AugmentedDocument& row) {
    filter::Verdict verdict = filter->judge(row);
    return augment::Judgement{std::move(verdict.reason), std::move(verdict.detail)};
  };
}

// Of one engine without endpoints of its own, from what the job knows of it.
augment::EndpointStatus as_endpoint(const engine::Engine& engine, const augment::JobStatus& job) {
  return {.name = engine.name(),
          .state = "up",
          .in_flight = job.in_flight,
          .limit = engine.capacity(),
          .generated_tokens = job.generated_tokens,
          .wasted_generated_tokens = job.wasted_tokens,
          .busy_seconds = job.generated_tokens > 0 ? job.seconds : 0};
}

// What the run took, and not its last call alone.
void add_spend(const augment::SpendRecord& spend, Json& record) {
  const augment::Spend all = augment::total(spend.endpoints);
  record["seconds"] = spend.seconds;
  record["generated_tokens"] = all.generated_tokens;
  record["wasted_tokens"] = all.wasted_generated_tokens;
  record["spend"] = augment::to_json(spend);
}

void write_card(const fs::path& folder, augment::CardFacts facts, const augment::Config& config,
                const AugmentOptions& options) {
  const augment::Prompt prompt = augment::load_prompt(config.prompt);
  const fs::path named = fs::absolute(folder / ".").lexically_normal().parent_path();
  facts.title = options.card.title.empty() ? named.filename().string() : options.card.title;
  facts.config = options.card;
  facts.prompts = {{config.prompt, prompt.text(), prompt.sha256()}};
  facts.build = options.build;
  facts.build.commit = build_commit();
  if (options.gate) facts.decontaminated_against = options.gate->decontaminate;
  if (facts.rows.all().rejected > 0) facts.rejected_parts = "rejected/part-*.parquet";
  storage::write_file_atomically(folder / "README.md", augment::dataset_card(facts));
}

}  // namespace

Json augment_step(const corpus::Config& corpus, const EngineConfig& engine_config,
                  const augment::Config& given, const fs::path& out, Run run,
                  const AugmentOptions& options) {
  augment::Config config = given;
  config.chat_server = is_chat_server(engine_config);
  config.model_sha256 = engine_files_sha256(engine_config);
  const corpus::Shard shard = options.shard.empty() ? corpus::Shard() : shard_from(options.shard);
  const corpus::ShardPlan plan = corpus::plan_shard(corpus::input_files(corpus), shard);
  const fs::path folder = options.shard.empty() ? out : shard_folder(out, shard, plan);
  Stage stage{.step = "augment",
              .folder = folder,
              .recipe = recipe_of(corpus, engine_config, config, options),
              .update = options.update ? storage::Update::wanted : storage::Update::possible};
  if (!options.shard.empty()) {
    stage.recipe["shard"] = corpus::to_json(plan);
    stage.recipe["shard"]["index"] = shard.index;
    stage.recipe["shard"]["count"] = shard.count;
  }
  for (const corpus::FilePiece& piece : plan.pieces) stage.inputs.push_back(piece.file.path);
  if (options.gate) {
    for (const fs::path& file : filter_files(*options.gate)) stage.inputs.push_back(file);
  }
  return run_stage(stage, [&] {
    const std::int64_t total = count_documents(corpus, plan);
    corpus::Reader documents(corpus, folder / "bad_items.jsonl", shard);
    const auto engine = make_engine(engine_config, request_tokens(config));
    augment::RowStatistics statistics(
        {.template_tokens = engine->tokens().count(augment::load_prompt(config.prompt).text()),
         .domain_field = options.card.domain_field,
         .licence_field = options.card.licence_field});
    std::optional<AugmentWatch> watch;
    if (options.watch) {
      watch.emplace(folder, WatchOptions{.metrics = options.metrics, .build = options.build},
                    [&engine](const augment::JobStatus& job) {
                      auto endpoints = endpoints_of(*engine);
                      if (endpoints.empty()) endpoints.push_back(as_endpoint(*engine, job));
                      return endpoints;
                    });
    }
    augment::JobStatus last;
    augment::Hooks hooks{.gate = make_gate(config, options), .statistics = &statistics};
    hooks.on_status = [&](const augment::JobStatus& status) {
      last = status;
      if (watch) watch->on_status(status);
    };
    NoProgress silent;
    Progress& progress = options.watch ? silent : run.progress;
    const auto counts =
        augment::run(config, documents, total, *engine, folder, progress, run.stop, hooks);
    Json record = augment::to_json(counts);
    record["engine"] = engine->name();
    record["corpus"] = corpus::to_json(documents.counts());
    if (watch) {
      augment::CardFacts facts{.engine = engine->name(), .recipe = stage.recipe};
      facts.rows = statistics;
      facts.job = last;
      facts.spend = watch->finish();
      add_spend(facts.spend, record);
      write_card(folder, std::move(facts), config, options);
    }
    return record;
  });
}

}  // namespace tpt::app
