#include "app/plan.h"

namespace tpt::app {
namespace {

// Parquet with zstd keeps about this share of the bytes of text (measured on the sample corpus).
constexpr double kParquetShare = 0.4;
constexpr double kBytesPerThinkingToken = 4.5;
// Special tokens of a sample: <think>, </think>, end of text.
constexpr double kSpecialTokens = 3;
// fp32 weights, and two moments with the state for going on.
constexpr double kCheckpointBytesPerParameter = 4 + 8 + 4;

}  // namespace

void describe(Fields& fields, PlanConfig& config) {
  fields.integer("sample_documents", config.sample_documents,
                 "count tokens of this many documents and scale by bytes; 0: count them all", 0);
  fields.text("measured", config.measured,
              "a finished folder of tpt augment: carry its rows, speed, waste and prices over to "
              "the corpus, with 90 % intervals");
  fields.integer("endpoints", config.endpoints,
                 "of a measured plan: so many like the sample's; 0: as many as it had", 0, 1 << 20);
  fields.integer("in_flight_per_endpoint", config.in_flight_per_endpoint,
                 "of a measured plan: requests at once; 0: as many as the sample had", 0, 1 << 20);
  fields.integer("seed", config.seed, "of the draws behind the intervals of a measured plan", 0);
  fields.number("thinking_tokens_per_document", config.thinking_tokens_per_document,
                "0: as measured, else 1100, near the paper's", 0);
  fields.number("tokens_per_second_per_gpu", config.tokens_per_second_per_gpu,
                "generated tokens per second of one GPU; 930 is an 8B model on an A100", 0.001);
  fields.number("kept_share", config.kept_share, "share of the thinking that the filter keeps", 0,
                1);
  fields.integer("gpus", config.gpus, "GPUs at work, for the days it takes", 1);
  fields.number("gpu_teraflops", config.gpu_teraflops, "dense bf16 peak of one GPU", 0.001);
  fields.number("model_flops_share", config.model_flops_share,
                "share of that peak that training reaches", 0.001, 1);
  fields.integer("parameters", config.parameters, "of the student; 0: of the recipe's [model]", 0);
  fields.integer("train_tokens", config.train_tokens,
                 "to train on; 0: one pass over the shards. A measured "
                 "plan says how many documents they need",
                 0);
  fields.number("price_per_gpu_hour", config.price_per_gpu_hour, "in any currency; 0: not shown",
                0);
}

Plan make_plan(const PlanConfig& config, const CorpusSize& corpus, double thinking_per_document,
               std::int64_t bytes_per_token) {
  Plan plan;
  plan.prompt_tokens = corpus.document_tokens;
  plan.thinking_tokens = corpus.documents * thinking_per_document;
  plan.generation_gpu_hours = plan.thinking_tokens / config.tokens_per_second_per_gpu / 3600;
  const double kept_documents = corpus.documents * config.kept_share;
  plan.shard_tokens = (corpus.full_document_tokens + plan.thinking_tokens) * config.kept_share +
                      kept_documents * kSpecialTokens;
  plan.train_tokens =
      config.train_tokens > 0 ? static_cast<double>(config.train_tokens) : plan.shard_tokens;
  const auto parameters = static_cast<double>(config.parameters);
  plan.train_gpu_hours = 6 * parameters * plan.train_tokens /
                         (config.gpu_teraflops * 1e12 * config.model_flops_share) / 3600;
  plan.augmented_bytes =
      (corpus.bytes + plan.thinking_tokens * kBytesPerThinkingToken) * kParquetShare;
  plan.shard_bytes = plan.shard_tokens * static_cast<double>(bytes_per_token);
  plan.checkpoint_bytes = parameters * kCheckpointBytesPerParameter;
  plan.price = (plan.generation_gpu_hours + plan.train_gpu_hours) * config.price_per_gpu_hour;
  return plan;
}

Json to_json(const Plan& plan) {
  Json json = Json::object();
  json["prompt_tokens"] = plan.prompt_tokens;
  json["thinking_tokens"] = plan.thinking_tokens;
  json["generation_gpu_hours"] = plan.generation_gpu_hours;
  json["shard_tokens"] = plan.shard_tokens;
  json["train_tokens"] = plan.train_tokens;
  json["train_gpu_hours"] = plan.train_gpu_hours;
  json["augmented_bytes"] = plan.augmented_bytes;
  json["shard_bytes"] = plan.shard_bytes;
  json["checkpoint_bytes"] = plan.checkpoint_bytes;
  json["price"] = plan.price;
  return json;
}

}  // namespace tpt::app
