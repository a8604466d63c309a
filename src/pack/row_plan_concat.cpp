// concat and pad: rows that follow the seeded order of the sequences.
#include "base/error.h"
#include "base/random.h"
#include "pack/row_plan.h"

#include <algorithm>
#include <span>

namespace tpt::pack {
namespace {

class ConcatPlan : public RowPlan {
 public:
  ConcatPlan(const ShardReader& shards, const RowConfig& config)
      : shards_(shards),
        seq_length_(config.seq_length),
        order_(sequence_order(shards, config.seed)) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (i % kStride == 0) {
        starts_.push_back(tokens_);
      }
      tokens_ += shards.length(order_[i]);
    }
    if (tokens_ < seq_length_ + 1) {
      user_error("seq_length: got {}, but the shard holds {} tokens, which make no row of {}",
                 seq_length_, tokens_, seq_length_ + 1);
    }
  }

  RowCounts counts() const override {
    const std::int64_t rows = (tokens_ - 1) / seq_length_;
    const std::int64_t used = rows * seq_length_ + 1;
    return {.rows = rows, .tokens = used, .left_out = tokens_ - used, .padding = 0};
  }

  std::vector<Piece> pieces(std::int64_t row) const override {
    std::int64_t at = row * seq_length_;
    const std::int64_t end = at + seq_length_ + 1;
    const auto after = std::upper_bound(starts_.begin(), starts_.end(), at);
    const auto block = static_cast<std::size_t>(after - starts_.begin()) - 1;
    std::size_t i = block * kStride;
    std::int64_t start = starts_[block];
    while (start + shards_.length(order_[i]) <= at) {
      start += shards_.length(order_[i++]);
    }
    std::vector<Piece> pieces;
    while (at < end) {
      const std::int64_t length = shards_.length(order_[i]);
      const std::int64_t take = std::min(end, start + length) - at;
      pieces.push_back({order_[i], at - start, take});
      at += take;
      start += length;
      ++i;
    }
    return pieces;
  }

 private:
  static constexpr std::size_t kStride = 64;

  const ShardReader& shards_;
  std::int64_t seq_length_;
  std::vector<std::uint32_t> order_;
  std::vector<std::int64_t> starts_;  // tokens before every kStride-th sequence
  std::int64_t tokens_ = 0;
};

class PadPlan : public RowPlan {
 public:
  PadPlan(const ShardReader& shards, const RowConfig& config)
      : shards_(shards), ids_(config.seq_length + 1), order_(sequence_order(shards, config.seed)) {
    if (order_.empty()) {
      user_error("the shard holds no tokens, so there are no rows");
    }
  }

  RowCounts counts() const override {
    RowCounts counts;
    counts.rows = static_cast<std::int64_t>(order_.size());
    for (const std::uint32_t sequence : order_) {
      counts.tokens += std::min(ids_, shards_.length(sequence));
    }
    counts.left_out = shards_.tokens() - counts.tokens;
    counts.padding = counts.rows * ids_ - counts.tokens;
    return counts;
  }

  std::vector<Piece> pieces(std::int64_t row) const override {
    const std::uint32_t sequence = order_[static_cast<std::size_t>(row)];
    return {{sequence, 0, std::min(ids_, shards_.length(sequence))}};
  }

 private:
  const ShardReader& shards_;
  std::int64_t ids_;  // a row
  std::vector<std::uint32_t> order_;
};

}  // namespace

std::vector<std::uint32_t> sequence_order(const ShardReader& shards, std::int64_t seed) {
  if (shards.sequences() >= (std::int64_t{1} << 32U)) {
    user_error("a shard of {} sequences; rows are made of at most 2^32 - 1", shards.sequences());
  }
  std::vector<std::uint32_t> order;
  order.reserve(static_cast<std::size_t>(shards.sequences()));
  for (std::int64_t i = 0; i < shards.sequences(); ++i) {
    if (shards.length(i) > 0) {
      order.push_back(static_cast<std::uint32_t>(i));
    }
  }
  Random random(derive_seed(static_cast<std::uint64_t>(seed), "rows", "order of sequences"));
  random.shuffle(std::span(order));
  return order;
}

std::unique_ptr<RowPlan> make_concat_plan(const ShardReader& shards, const RowConfig& config) {
  return std::make_unique<ConcatPlan>(shards, config);
}

std::unique_ptr<RowPlan> make_pad_plan(const ShardReader& shards, const RowConfig& config) {
  return std::make_unique<PadPlan>(shards, config);
}

}  // namespace tpt::pack
