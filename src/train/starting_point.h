// The network that a run starts with.
#pragma once

#include "model/transformer.h"
#include "pack/shard_reader.h"
#include "train/config.h"

namespace tpt::train {

// Random weights of `shape` from config.seed, its vocab_size 0 filled from the shards; or those of
// the Hugging Face folder config.init_from, with its rotary base times config.rope_base_factor and
// at least the positions of `shape`, of which nothing else counts then.
// Error(user) for a vocabulary smaller than the shards', or for a folder whose tokenizer gives
// other ids than the shards'; Error(data) for a folder with damaged files.
model::Transformer starting_network(const Config& config, const model::Config& shape,
                                    const pack::ShardReader& shards);

// Error(user), naming a token, unless each token of `checkpoint`'s tokenizer.json has the same id
// in the shards' one; these may have more (tags of thinking). A side without a tokenizer.json is
// warned about.
void check_same_tokens(const std::filesystem::path& checkpoint, const pack::ShardReader& shards);

}  // namespace tpt::train
