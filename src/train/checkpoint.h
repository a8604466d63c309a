// A model on disk as `transformers` loads it.
#pragma once

#include "model/transformer.h"
#include "pack/shard_reader.h"

#include <filesystem>

namespace tpt::train {

// Copies what a checkpoint takes over from the model that the run began with (all but its weights)
// to run_folder/source, unless it stands there, and gives that folder: a run goes on for longer
// than other folders may stay. "" where init_from is.
std::filesystem::path kept_source(const std::filesystem::path& init_from,
                                  const std::filesystem::path& run_folder);

// Writes the folder, whole or not at all: config.json, model.safetensors, generation_config.json,
// tokenizer.json with tokenizer_config.json where there is a tokenizer, and digests.json. What the
// model in `source` ("": none) says beside its shape is kept, and added to: all ids that end a text
// or a turn in the shards end what is generated, and where the shards' examples are turns there is
// a chat template that writes them.
void write_checkpoint(const model::Transformer& network, const pack::ShardReader& shards,
                      const std::filesystem::path& source, const std::filesystem::path& folder);

}  // namespace tpt::train
