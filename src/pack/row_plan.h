// Which pieces of which sequences make up each row: one plan a policy.
#pragma once

#include "pack/row_reader.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace tpt::pack {

class RowPlan {
 public:
  virtual ~RowPlan() = default;
  // The pieces of a row in order, at most seq_length + 1 tokens together; padding fills the rest.
  virtual std::vector<Piece> pieces(std::int64_t row) const = 0;
  virtual RowCounts counts() const = 0;
};

// Keeps 4 bytes a sequence for the order and 8 bytes for every 64 sequences.
std::unique_ptr<RowPlan> make_concat_plan(const ShardReader& shards, const RowConfig& config);
// Keeps 24 bytes a piece.
std::unique_ptr<RowPlan> make_best_fit_plan(const ShardReader& shards, const RowConfig& config);
// Keeps 4 bytes a sequence.
std::unique_ptr<RowPlan> make_pad_plan(const ShardReader& shards, const RowConfig& config);

// The sequences of an epoch in their seeded order, without the empty ones. Error(user) where there
// are 2^32 or more.
std::vector<std::uint32_t> sequence_order(const ShardReader& shards, std::int64_t seed);

}  // namespace tpt::pack
