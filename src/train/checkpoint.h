// A model on disk as `transformers` loads it.
#pragma once

#include "model/transformer.h"
#include "pack/shard_reader.h"

#include <filesystem>

namespace tpt::train {

// Writes the folder, whole or not at all: config.json, model.safetensors, generation_config.json,
// and tokenizer.json with tokenizer_config.json where the shards carry a tokenizer, and
// digests.json.
void write_checkpoint(const model::Transformer& network, const pack::ShardReader& shards,
                      const std::filesystem::path& folder);

}  // namespace tpt::train
