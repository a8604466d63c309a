// Rows of a fixed length out of sequences of any length: what training reads. Any row by number, in
// an order that only shards and seed decide; another seed gives another epoch.
#pragma once

#include "pack/shard_reader.h"
#include "records/sample.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace tpt::pack {

enum class RowPolicy {
  concat,    // sequences back to back, cut every seq_length tokens; only the tail is left out
  best_fit,  // sequences whole where they fit (Best-Fit Decreasing), the rest of the row is padding
  pad        // one sequence a row, cut or padded: for fine-tuning
};

struct RowConfig {
  std::int64_t seq_length = 128;  // targets a row; a row holds seq_length + 1 ids
  std::int64_t seed = 1;
  RowPolicy policy = RowPolicy::concat;
};

// What the policy costs, over one epoch (all rows once).
struct RowCounts {
  std::int64_t rows = 0;
  std::int64_t tokens = 0;    // of the shard that stand in a row (each counted once)
  std::int64_t left_out = 0;  // of the shard that stand in none: concat's tail, what pad cuts off
  std::int64_t padding = 0;   // ids that fill rows
};

// `tokens` tokens of a sequence from `offset` on.
struct Piece {
  std::int64_t sequence = 0;
  std::int64_t offset = 0;
  std::int64_t tokens = 0;

  bool operator==(const Piece&) const = default;
};

class RowReader {
 public:
  // Keeps a reference to `shards`. Error(user) where no row can be made (fewer than two tokens, or
  // for concat fewer than seq_length + 1).
  RowReader(const ShardReader& shards, RowConfig config);
  ~RowReader();
  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;

  // Rows of one epoch.
  std::int64_t rows() const;
  // Row `number` in 0 .. rows() - 1, seq_length + 1 ids. Consecutive rows of concat, and
  // consecutive pieces of a sequence that best_fit had to cut, share one token: the last of the one
  // is the first of the next, so that every token but the first is a target once. May be called by
  // any thread.
  Row row(std::int64_t number) const;
  // What the row is made of, in order.
  std::vector<Piece> pieces(std::int64_t number) const;
  const RowCounts& counts() const;

 private:
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

}  // namespace tpt::pack
