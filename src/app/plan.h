// What a corpus will cost before it is paid for: tokens, GPU-hours, disk. From counts of a sample
// and from rates that were measured (an augmented folder) or given.
#pragma once

#include "base/config.h"
#include "base/json.h"

#include <cstdint>
#include <string>

namespace tpt::app {

struct PlanConfig {
  std::int64_t sample_documents = 1000;
  std::string measured;                     // an augmented folder to project from
  std::int64_t endpoints = 0;               // of a measured plan; 0: as many as were measured
  std::int64_t in_flight_per_endpoint = 0;  // 0: as many as were measured
  std::int64_t seed = 1;                    // of the draws for the intervals
  double thinking_tokens_per_document = 0;  // 0: from `measured`, else the paper's
  double tokens_per_second_per_gpu = 930;   // generated; the paper's 8B on an A100 (derived)
  double kept_share = 1.0;
  std::int64_t gpus = 8;
  double gpu_teraflops = 312;  // dense bf16 peak of one GPU
  double model_flops_share = 0.4;
  std::int64_t parameters = 0;    // 0: of the recipe's [model]
  std::int64_t train_tokens = 0;  // 0: one pass over the shards
  double price_per_gpu_hour = 0;
};

void describe(Fields& fields, PlanConfig& config);

// What the corpus holds, counted or estimated from its first documents.
struct CorpusSize {
  double documents = 0;
  double bytes = 0;            // of text
  double document_tokens = 0;  // after the cut of the context, as prompts
  double full_document_tokens = 0;
  bool estimated = false;  // documents or tokens, from a part
};

struct Plan {
  double prompt_tokens = 0;
  double thinking_tokens = 0;
  double generation_gpu_hours = 0;
  double shard_tokens = 0;
  double train_tokens = 0;
  double train_gpu_hours = 0;
  double augmented_bytes = 0;
  double shard_bytes = 0;
  double checkpoint_bytes = 0;
  double price = 0;
};

// `bytes_per_token`: 2 or 4, by the vocabulary (docs/formats.md).
Plan make_plan(const PlanConfig& config, const CorpusSize& corpus, double thinking_per_document,
               std::int64_t bytes_per_token);
Json to_json(const Plan& plan);

}  // namespace tpt::app
