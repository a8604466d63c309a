#include "app/command_line.h"
#include "app/engines.h"
#include "app/plan.h"
#include "app/verbs.h"
#include "augment/augment.h"
#include "base/error.h"
#include "corpus/reader.h"
#include "model/config.h"
#include "pack/pack.h"
#include "storage/augmented_file.h"
#include "storage/manifest.h"
#include "tokenize/tokenizer.h"

#include <fmt/core.h>

#include <algorithm>

namespace tpt::app {
namespace {

// Near the mean of the paper's corpus: 100 B training tokens hold about as much thinking as text.
constexpr double kPaperThinkingTokens = 1100;
constexpr std::int64_t kSmallVocabulary = 65500;

// Counts the first documents and scales by the bytes of the files.
CorpusSize measure_corpus(const corpus::Config& config, std::int64_t sample_documents,
                          std::int64_t context_tokens, const tokenize::Tokenizer& tokenizer) {
  corpus::Reader documents(config, "");
  CorpusSize size;
  Document document;
  bool more = documents.next(document);
  while (more) {
    const std::int64_t tokens = tokenizer.count(document.text);
    size.documents += 1;
    size.bytes += static_cast<double>(document.text.size());
    size.full_document_tokens += static_cast<double>(tokens);
    size.document_tokens += static_cast<double>(std::min(tokens, context_tokens));
    if (sample_documents > 0 && size.documents >= static_cast<double>(sample_documents)) break;
    more = documents.next(document);
  }
  if (size.documents == 0) user_error("tpt plan: the corpus holds no document");
  if (!more || documents.bytes_read() <= 0) return size;
  const double scale = std::max(1.0, static_cast<double>(documents.bytes_total()) /
                                         static_cast<double>(documents.bytes_read()));
  size.documents *= scale;
  size.bytes *= scale;
  size.full_document_tokens *= scale;
  size.document_tokens *= scale;
  size.estimated = true;
  return size;
}

// Thinking tokens a document, and tokens/s of one engine, from a finished augment step.
double thinking_per_document(PlanConfig& config) {
  if (!config.measured.empty()) {
    const auto manifest = storage::read_manifest(config.measured);
    if (!manifest || manifest->step != "augment") {
      user_error("plan.measured: {} holds no finished tpt augment", config.measured);
    }
    const double tokens = manifest->counts.at("thinking_tokens").get<double>();
    const double documents = manifest->counts.at("documents").get<double>();
    const double seconds = manifest->counts.at("seconds").get<double>();
    if (seconds > 0 && tokens > 0) config.tokens_per_second_per_gpu = tokens / seconds;
    if (config.thinking_tokens_per_document == 0 && documents > 0) return tokens / documents;
  }
  if (config.thinking_tokens_per_document > 0) return config.thinking_tokens_per_document;
  return kPaperThinkingTokens;
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

std::string hours_text(double hours, std::int64_t gpus) {
  return fmt::format("{:.3g} h on one, {:.3g} days on {}", hours,
                     hours / 24 / static_cast<double>(gpus), gpus);
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
  bool as_json = false;
  CommandLine line("plan",
                   "Tokens, GPU-hours and disk of a corpus before it is paid for, from a "
                   "measured sample or given rates.");
  line.inputs("IN", corpus.inputs, "the corpus, as for tpt augment");
  line.flag("json", as_json, "print one JSON object instead of the table");
  line.section("corpus", corpus);
  line.section("augment", augment);
  line.section("pack", pack);
  line.section("model", model);
  line.section("plan", config);
  line.example("tpt plan corpus/ --recipe recipes/paper-from-scratch.toml --gpus 64");
  line.example("tpt plan data/sample/*.jsonl --measured build/demo/demo-documents/augmented");
  if (!line.parse(arguments)) return;
  const auto tokenizer = tokenize::load_tokenizer(tokenizer_spec(pack.tokenizer));
  const CorpusSize size =
      measure_corpus(corpus, config.sample_documents, augment.context_tokens, *tokenizer);
  if (config.parameters == 0) {
    config.parameters = model::num_parameters(model::resolved(model, tokenizer->vocab_size()));
  }
  const double thinking = thinking_per_document(config);
  const Plan plan =
      make_plan(config, size, thinking, tokenizer->vocab_size() < kSmallVocabulary ? 2 : 4);
  if (as_json) {
    Json json = to_json(plan);
    json["documents"] = size.documents;
    json["estimated"] = size.estimated;
    json["thinking_tokens_per_document"] = thinking;
    json["tokens_per_second_per_gpu"] = config.tokens_per_second_per_gpu;
    fmt::print("{}\n", dump_json(json));
  } else {
    print_plan(config, size, plan);
  }
}

}  // namespace tpt::app
