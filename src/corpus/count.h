// How many items a part of a corpus holds, without reading them.
#pragma once

#include "corpus/shard.h"

#include <cstdint>
#include <optional>

namespace tpt::corpus {

// Lines, rows and files of the pieces, bad ones too, as fast as the disk gives them. Nothing where
// a piece is part of a file: that is known only by reading it.
std::optional<std::int64_t> count_items(const ShardPlan& plan);

}  // namespace tpt::corpus
