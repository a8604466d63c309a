#include "app/augment_watch.h"
#include "app/benchmark_files.h"
#include "app/machine.h"
#include "app/shards.h"
#include "app/steps.h"
#include "augment/prompt.h"
#include "augment/row_statistics.h"
#include "augment/take_over.h"
#include "base/error.h"
#include "base/log.h"
#include "corpus/count.h"
#include "storage/atomic_file.h"
#include "storage/files.h"
#include "storage/remote_folder.h"

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

void check_output(const fs::path& out, const std::string& work) {
  if (!storage::is_remote(out)) {
    if (!work.empty()) user_error("--work: got {}, but --out is a folder of this machine", work);
  } else if (work.empty()) {
    user_error(
        "--out {}: give --work FOLDER too, a folder of this machine for the journal and the parts "
        "on their way; keep it, and nothing is asked for again after a kill",
        out.string());
  } else if (storage::is_remote(work)) {
    user_error("--work: got {}, allowed: a folder of this machine", work);
  }
}

std::vector<std::string> written() {
  return {"part-*.parquet", "rejected", "failed.jsonl", "bad_items.jsonl", "README.md"};
}

// What stands there from an earlier call is no document.
void leave_out_output(const fs::path& out, const std::string& work, corpus::Config& corpus) {
  std::vector<std::string> names = written();
  names.insert(names.end(), {"unfinished", "shard-*-of-*", "shards.json", "started.json",
                             "manifest.json", "spend.json*", "journal.sqlite*", "*.partial"});
  corpus.left_out.push_back({out, std::move(names)});
  // A folder for each output, with a digest in its name.
  if (!work.empty()) corpus.left_out.push_back({work, {"*-????????????????"}});
}

void check_continuing(const augment::Config& config) {
  const bool continues = config.at_cap == augment::AtCap::go_on;
  if (!continues || !config.chat || !config.chat_server) return;
  user_error(
      "augment.at_cap: got continue, but a chat server is told no start of its answer to go on "
      "from: set --prefill continue (vLLM, SGLang, llama-server) or --api completions, or another "
      "--at-cap");
}

// Begins the step at the url, with the rows that stand there from another machine, or from another
// life of this one.
void take_over(storage::RemoteFolder& remote, const augment::Config& config, const Run& run) {
  remote.start();
  augment::TakeOver from{.parts = remote.parts_to_take_over(),
                         .same_policy = remote.parts_are_of_one_record()};
  if (from.parts.empty()) return;
  from.on_taken = [&remote](const fs::path& part) { remote.taken_over(part); };
  const std::int64_t rows = augment::take_over_rows(config, from, remote.step(), run.stop);
  log_info("augment: goes on from {} rows in {} parts on S3", rows, from.parts.size());
}

void send_part(storage::RemoteFolder& remote, const fs::path& part) {
  remote.send(part);
  const fs::path spend = remote.step() / "spend.json";
  if (fs::exists(spend)) remote.send(spend);
}

// `place`: where the rows are read in the end.
void write_card(const fs::path& folder, const fs::path& place, augment::CardFacts facts,
                const augment::Config& config, const AugmentOptions& options) {
  const augment::Prompt prompt = augment::load_prompt(config.prompt);
  const fs::path named = fs::absolute(place / ".").lexically_normal().parent_path();
  facts.title = options.card.title.empty() ? named.filename().string() : options.card.title;
  facts.config = options.card;
  facts.prompts = {{config.prompt, prompt.text(), prompt.sha256()}};
  facts.build = options.build;
  facts.build.commit = build_commit();
  if (options.gate) facts.decontaminated_against = options.gate->decontaminate;
  if (facts.rows.all().rejected > 0) facts.rejected_parts = "rejected/part-*.parquet";
  storage::write_file_atomically(folder / "README.md", augment::dataset_card(facts));
}

// One call of the step.
struct Call {
  const corpus::Config& corpus;
  const EngineConfig& engine;
  const augment::Config& config;
  const AugmentOptions& options;
  const corpus::ShardPlan& plan;
  corpus::Shard shard;
  Run run;
};

// The rows of the call in the stage's folder, and what it counted.
Json think(const Call& call, const Stage& stage, storage::RemoteFolder* remote) {
  const AugmentOptions& options = call.options;
  const auto engine = make_engine(call.engine, request_tokens(call.config), call.run.stop);
  check_answers_fit(*engine, call.config.max_thinking_tokens, "augment.max_thinking_tokens");
  storage::record_engine(stage.folder, engine->name(), stage.update, stage.place);
  if (remote != nullptr) take_over(*remote, call.config, call.run);
  const std::int64_t total = count_documents(call.corpus, call.plan);
  corpus::Reader documents(call.corpus, stage.folder / "bad_items.jsonl", call.shard);
  augment::RowStatistics statistics(
      {.template_tokens = engine->tokens().count(augment::load_prompt(call.config.prompt).text()),
       .domain_field = options.card.domain_field,
       .licence_field = options.card.licence_field});
  std::optional<AugmentWatch> watch;
  if (options.watch) {
    watch.emplace(stage.folder, WatchOptions{.metrics = options.metrics, .build = options.build},
                  [&engine](const augment::JobStatus& job) {
                    auto endpoints = endpoints_of(*engine);
                    if (endpoints.empty()) endpoints.push_back(as_endpoint(*engine, job));
                    return endpoints;
                  });
  }
  augment::JobStatus last;
  augment::Hooks hooks{.gate = make_gate(call.config, options), .statistics = &statistics};
  if (remote != nullptr) hooks.on_part = [=](const fs::path& part) { send_part(*remote, part); };
  hooks.on_status = [&](const augment::JobStatus& status) {
    last = status;
    if (watch) watch->on_status(status);
  };
  NoProgress silent;
  Progress& progress = options.watch ? silent : call.run.progress;
  const auto counts = augment::run(call.config, documents, total, *engine, stage.folder, progress,
                                   call.run.stop, hooks);
  Json record = augment::to_json(counts);
  record["engine"] = engine->name();
  record["corpus"] = corpus::to_json(documents.counts());
  if (watch) {
    augment::CardFacts facts{.engine = engine->name(), .recipe = stage.recipe};
    facts.rows = statistics;
    facts.job = last;
    facts.spend = watch->finish();
    add_spend(facts.spend, record);
    write_card(stage.folder, stage.place, std::move(facts), call.config, options);
  }
  return record;
}

Json run_on_remote(const Stage& stage, const Call& call, storage::RemoteFolder& remote) {
  Json done;
  try {
    done = run_stage(stage, [&] { return think(call, stage, &remote); });
  } catch (...) {
    remote.leave();
    throw;
  }
  remote.finish();
  return done;
}

}  // namespace

Json augment_step(const corpus::Config& given_corpus, const EngineConfig& engine_config,
                  const augment::Config& given, const fs::path& out, Run run,
                  const AugmentOptions& options) {
  check_output(out, options.work);
  corpus::Config corpus = given_corpus;
  leave_out_output(out, options.work, corpus);
  if (!corpus.thinking_column.empty()) {
    user_error(
        "corpus.thinking_column: {} is for `tpt run` without [augment]; here the thinking is "
        "written anew",
        corpus.thinking_column);
  }
  augment::Config config = given;
  config.chat_server = is_chat_server(engine_config);
  check_continuing(config);
  config.model_sha256 = engine_files_sha256(engine_config);
  const corpus::Shard shard = options.shard.empty() ? corpus::Shard() : shard_from(options.shard);
  const corpus::ShardPlan plan = corpus::plan_shard(corpus::input_files(corpus), shard);
  const fs::path place = options.shard.empty() ? out : shard_folder(out, shard, plan);
  std::optional<storage::RemoteFolder> remote;
  if (storage::is_remote(place)) remote.emplace(place, options.work);
  Stage stage{.step = "augment",
              .folder = remote ? remote->step() : place,
              .place = place,
              .recipe = recipe_of(corpus, engine_config, config, options),
              .writes = written(),
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
  const Call call{corpus, engine_config, config, options, plan, shard, run};
  if (remote) return run_on_remote(stage, call, *remote);
  return run_stage(stage, [&] { return think(call, stage, nullptr); });
}

}  // namespace tpt::app
