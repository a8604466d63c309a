#include "app/benchmark_files.h"
#include "app/command_line.h"
#include "app/corpus_size.h"
#include "app/engines.h"
#include "app/measured_sample.h"
#include "app/plan.h"
#include "app/verbs.h"
#include "augment/augment.h"
#include "augment/figure_text.h"
#include "base/error.h"
#include "corpus/config.h"
#include "filter/filter.h"
#include "model/config.h"
#include "pack/pack.h"
#include "tokenize/tokenizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tpt::app {
namespace {

// Near the mean of the paper's corpus: 100 B training tokens hold about as much thinking as text.
constexpr double kPaperThinkingTokens = 1100;
constexpr std::int64_t kSmallVocabulary = 65500;

// What the measured folder says takes the place of what was given for it.
Projection project_measured(PlanConfig& config, const CorpusSize& corpus,
                            const MeasuredSample& sample) {
  const Target target{.documents = corpus.documents,
                      .text_bytes = corpus.bytes,
                      .endpoints = static_cast<double>(config.endpoints),
                      .in_flight_per_endpoint = static_cast<double>(config.in_flight_per_endpoint),
                      .train_tokens = static_cast<double>(config.train_tokens)};
  const Projection plan = project(sample, target, static_cast<std::uint64_t>(config.seed));
  // An endpoint whose GPUs are not known is taken for one.
  const double gpus = plan.endpoints * (plan.gpus_per_endpoint > 0 ? plan.gpus_per_endpoint : 1);
  if (gpus > 0) config.tokens_per_second_per_gpu = plan.tokens_per_second / gpus;
  config.kept_share = plan.kept_share;
  if (config.thinking_tokens_per_document == 0) {
    config.thinking_tokens_per_document =
        plan.kept_tokens.middle / plan.kept_share / corpus.documents;
  }
  return plan;
}

std::string count_text(double value) {
  if (value >= 1e12) return fmt::format("{:.2f} T", value / 1e12);
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.2f} M", value / 1e6);
  return fmt::format("{:.0f}", value);
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e12) return fmt::format("{:.2f} TB", bytes / 1e12);
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.2f} MB", bytes / 1e6);
  return fmt::format("{:.1f} kB", bytes / 1e3);
}

void print_interval(const std::string& name, const Interval& interval,
                    const std::function<std::string(double)>& text) {
  fmt::print("{:<28} {} ({} to {})\n", name, text(interval.middle), text(interval.low),
             text(interval.high));
}

std::string hours_text(double hours, std::int64_t gpus) {
  return fmt::format("{:.3g} h on one, {:.3g} days on {}", hours,
                     hours / 24 / static_cast<double>(gpus), gpus);
}

std::string endpoint_text(const EndpointProjection& endpoint) {
  std::string text =
      fmt::format("{} of the tokens, {} tokens/s", augment::share_text(endpoint.share),
                  augment::short_count(endpoint.tokens_per_second));
  if (endpoint.gpu_hours > 0) text += fmt::format(", {:.3g} GPU-hours", endpoint.gpu_hours);
  if (endpoint.money > 0) text += ", price " + augment::money_text(endpoint.money);
  return text;
}

void print_time(const Projection& plan) {
  fmt::print("{:<28} {:.3g} endpoints, {:.3g} requests at once each, {} tokens/s in all\n", "with",
             plan.endpoints, plan.in_flight_per_endpoint,
             augment::short_count(plan.tokens_per_second));
  print_interval("time to the last answer", plan.wall_seconds, augment::duration_text);
  fmt::print("{:<28} {}\n", "  of this the tail", augment::duration_text(plan.tail_seconds));
}

// What makes the intervals worth less than they look.
void print_doubts(const Projection& plan, std::int64_t sample_documents) {
  constexpr double kOtherLength = 1.3;
  if (plan.length_ratio > kOtherLength || plan.length_ratio < 1 / kOtherLength) {
    fmt::print(
        "note: a document of the corpus is {:.2g} times as long as one of the sample: take the "
        "sample from all over the corpus, or these intervals may not hold\n",
        plan.length_ratio);
  }
  if (plan.sample_documents_for_a_tenth > static_cast<double>(sample_documents)) {
    fmt::print("note: a sample of about {} documents would tell the kept tokens to 10 %\n",
               count_text(plan.sample_documents_for_a_tenth));
  }
}

void print_projection(const PlanConfig& config, const Projection& plan,
                      const std::vector<std::string>& other_options) {
  const auto hours = [](double value) { return fmt::format("{:.3g} h", value); };
  fmt::print("\nmeasured in {}, middle (90 % interval):\n", config.measured);
  print_interval("requests", plan.rows, count_text);
  print_interval("kept rows", plan.kept_rows, count_text);
  fmt::print("{:<28} {}\n", "kept share", augment::share_text(plan.kept_share));
  print_interval("tokens sent", plan.prompt_tokens, count_text);
  print_interval("tokens generated", plan.generated_tokens, count_text);
  print_interval("thinking tokens kept", plan.kept_tokens, count_text);
  fmt::print("{:<28} {}\n", "wasted share", augment::share_text(plan.wasted_share));
  print_interval("tokens to train on", plan.train_tokens, count_text);
  if (plan.documents_needed.middle > 0) {
    print_interval(
        fmt::format("documents for {}", count_text(static_cast<double>(config.train_tokens))),
        plan.documents_needed, count_text);
  }
  if (plan.wall_seconds.middle > 0) print_time(plan);
  if (plan.gpu_hours.middle > 0) print_interval("GPU-hours", plan.gpu_hours, hours);
  if (plan.money.middle > 0) print_interval("price", plan.money, augment::money_text);
  for (const EndpointProjection& endpoint : plan.by_endpoint) {
    fmt::print("  {:<26} {}\n", augment::without_secrets(endpoint.name), endpoint_text(endpoint));
  }
  print_interval("disk: rows", plan.rows_bytes, bytes_text);
  print_interval("disk: journal", plan.journal_bytes, bytes_text);
  print_doubts(plan, plan.sample_documents);
  if (!other_options.empty()) {
    fmt::print(
        "note: the sample was made with other options ({}); what was measured is of those: make a "
        "sample with the ones given here\n",
        fmt::join(other_options, "; "));
  }
}

void print_plan(const PlanConfig& config, const CorpusSize& corpus, const Plan& plan) {
  const auto row = [](const char* name, const std::string& value) {
    fmt::print("{:<28} {}\n", name, value);
  };
  row("documents", count_text(corpus.documents) + (corpus.estimated ? " (estimated)" : ""));
  row("text", bytes_text(corpus.bytes));
  row("document tokens", count_text(corpus.full_document_tokens));
  row("prompt tokens", count_text(plan.prompt_tokens) + " after the cut of the context");
  row("thinking tokens", count_text(plan.thinking_tokens));
  row("generation",
      hours_text(plan.generation_gpu_hours, config.gpus) +
          fmt::format(" (at {:.0f} tokens/s each)", config.tokens_per_second_per_gpu));
  row("tokens in the shards", count_text(plan.shard_tokens));
  row("tokens to train on", count_text(plan.train_tokens));
  row("training",
      hours_text(plan.train_gpu_hours, config.gpus) +
          fmt::format(" ({} parameters)", count_text(static_cast<double>(config.parameters))));
  row("disk: rows, Parquet", bytes_text(plan.augmented_bytes));
  row("disk: shards", bytes_text(plan.shard_bytes));
  row("disk: one checkpoint", bytes_text(plan.checkpoint_bytes) + " with its state");
  if (config.price_per_gpu_hour > 0) row("price", fmt::format("{:.2f}", plan.price));
}

}  // namespace

void plan_verb(Arguments arguments, Run /*run*/) {
  corpus::Config corpus;
  augment::Config augment;
  pack::Config pack;
  model::Config model;
  PlanConfig config;
  filter::Config gate;
  bool judge = false;
  bool as_json = false;
  CommandLine line("plan",
                   "Tokens, GPU-hours and disk of a corpus before it is paid for, from a "
                   "measured sample or given rates.");
  line.inputs("IN", corpus.inputs, "the corpus, as for tpt augment");
  line.flag("json", as_json, "print one JSON object instead of the table");
  line.section("corpus", corpus);
  line.section("augment", augment);
  line.flag("gate", judge, "judge the rows of a measured sample by [filter] as well");
  line.section("filter", gate);
  line.section("pack", pack);
  line.section("model", model);
  line.section("plan", config);
  line.example("tpt plan corpus/ --recipe recipes/paper-from-scratch.toml --gpus 64");
  line.example("tpt plan corpus/ --measured sample/ --endpoints 64 --train-tokens 100000000000");
  if (!line.parse(arguments)) return;
  const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(pack.tokenizer));
  std::optional<MeasuredSample> sample;
  std::vector<std::string> others;
  if (!config.measured.empty()) {
    std::optional<filter::Filter> filter;
    if (judge) filter.emplace(gate, filter_materials(gate, gate.prompts));
    sample = read_sample(config.measured, pack::Composer(pack, *tokenizer), pack.format,
                         filter ? &*filter : nullptr);
    const Json options = sample_options(config.measured);
    others = other_options(options, augment);
    // The prompts counted here are those of the sample.
    augment.context_tokens = options.value("context_tokens", augment.context_tokens);
  }
  const CorpusSize size = measure_corpus(
      corpus,
      {.sample_documents = config.sample_documents, .context_tokens = augment.context_tokens},
      *tokenizer);
  if (config.parameters == 0) {
    config.parameters = model::num_parameters(model::resolved(model, tokenizer->vocab_size()));
  }
  std::optional<Projection> projection;
  if (sample) projection = project_measured(config, size, *sample);
  const double thinking = config.thinking_tokens_per_document > 0
                              ? config.thinking_tokens_per_document
                              : kPaperThinkingTokens;
  const Plan plan =
      make_plan(config, size, thinking, tokenizer->vocab_size() < kSmallVocabulary ? 2 : 4);
  if (as_json) {
    Json json = to_json(plan);
    json["documents"] = size.documents;
    json["estimated"] = size.estimated;
    json["thinking_tokens_per_document"] = thinking;
    json["tokens_per_second_per_gpu"] = config.tokens_per_second_per_gpu;
    if (projection) {
      json["measured"] = to_json(*projection);
      json["measured"]["other_options"] = others;
    }
    fmt::print("{}\n", dump_json(json));
  } else {
    print_plan(config, size, plan);
    if (projection) print_projection(config, *projection, others);
  }
}

}  // namespace tpt::app
