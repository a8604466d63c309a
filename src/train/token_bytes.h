// How many bytes of text each id stands for: what turns nats a token into bits a byte.
#pragma once

#include "pack/shard_reader.h"

#include <cstdint>
#include <vector>

namespace tpt::train {

// By id, from the tokenizer beside the shards; 0 for special tokens. Empty where the shards carry
// no tokenizer.
std::vector<std::uint16_t> token_bytes(const pack::ShardReader& shards);

}  // namespace tpt::train
