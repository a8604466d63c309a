// The steps of the flow, each a folder with a manifest: what `tpt run` does in turn, and each verb
// alone. A step that had finished is not done again.
#pragma once

#include "app/engines.h"
#include "app/stage.h"
#include "app/train_step.h"
#include "augment/augment.h"
#include "augment/dataset_card.h"
#include "augment/metrics_text.h"
#include "corpus/reader.h"
#include "eval/examine.h"
#include "filter/filter.h"
#include "lab/config.h"
#include "pack/pack.h"

#include <filesystem>
#include <optional>
#include <string>

namespace tpt::app {

// What tpt lab writes.
struct LabFiles {
  std::filesystem::path folder;

  std::filesystem::path documents() const { return folder / "documents.jsonl"; }
  std::filesystem::path held_out() const { return folder / "held_out.jsonl"; }
  std::filesystem::path questions() const { return folder / "questions.jsonl"; }
  std::filesystem::path examples() const { return folder / "examples.jsonl"; }
};

Json lab_step(const lab::Config& config, const std::filesystem::path& folder);

struct AugmentOptions {
  std::optional<filter::Config> gate;  // judges the rows as they come; without it all are kept
  bool update = false;  // go on in a folder of other options or inputs: what differs is asked again
  std::string work;     // for an output on S3: the folder of this machine to work in
  std::string shard;    // what --shard takes (shards.h); "": the whole corpus
  bool watch = false;   // show the live view in place of the progress, and leave a dataset card
  std::string metrics;  // "HOST:PORT" or ":PORT" to serve them at; "": nowhere
  augment::CardConfig card;
  augment::BuildInfo build;
};

// Documents -> rows with thinking; with a shard in a folder inside `folder`, which may be on S3.
// The engine is made only when there is work to do.
Json augment_step(const corpus::Config& corpus, const EngineConfig& engine,
                  const augment::Config& config, const std::filesystem::path& folder, Run run,
                  const AugmentOptions& options = {});

// Documents that bring their thinking along (corpus.thinking_column) -> the same rows; the tokens
// of the thinking are counted by the tokenizer.
Json take_thinking_step(const corpus::Config& corpus, const std::string& tokenizer,
                        const std::filesystem::path& folder, Run run);

// Rows -> folder/kept and folder/rejected.
Json filter_step(const filter::Config& config, const std::filesystem::path& input,
                 const std::filesystem::path& folder);

// Rows -> shards.
Json pack_step(const pack::Config& config, const std::filesystem::path& input,
               const std::filesystem::path& folder, Run run);
// Documents without thinking -> shards of plain documents, in the order of the corpus.
Json pack_documents_step(pack::Config config, const corpus::Config& corpus,
                         const std::filesystem::path& folder, Run run);
// Fine-tuning examples -> shards.
Json pack_examples_step(const pack::Config& config, const std::filesystem::path& examples,
                        const std::filesystem::path& folder, Run run);

// Loss of a checkpoint on held-out shards.
Json held_out_step(const std::filesystem::path& checkpoint, const std::filesystem::path& shards,
                   std::int64_t seq_length, std::int64_t max_rows,
                   const std::filesystem::path& folder);

// A checkpoint or any other engine -> scores.
Json eval_step(const eval::Config& config, const EngineConfig& engine,
               const std::filesystem::path& questions, const std::filesystem::path& folder,
               Run run);

}  // namespace tpt::app
