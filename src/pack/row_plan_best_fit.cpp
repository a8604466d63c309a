// best_fit: pieces, longest first, each into the row with the least room that still takes it
// (Best-Fit Decreasing). A sequence longer than a row is cut into pieces that share one token.
#include "base/error.h"
#include "base/random.h"
#include "pack/row_plan.h"

#include <algorithm>
#include <bit>
#include <span>

namespace tpt::pack {
namespace {

// Rows by the room they have left. A tree of bits over the sizes finds the smallest size that
// fits.
class OpenRows {
 public:
  explicit OpenRows(std::size_t max_room) : leaves_(std::bit_ceil(max_room + 1)) {
    any_.resize(2 * leaves_, false);
    rows_.resize(leaves_);
  }

  void put(std::size_t room, std::uint32_t row) {
    rows_[room].push_back(row);
    for (std::size_t at = leaves_ + room; at > 0 && !any_[at]; at /= 2) {
      any_[at] = true;
    }
  }

  // The room of the best row for `tokens`, or 0 where none has it; take() gives the row.
  std::size_t best(std::size_t tokens) const {
    std::size_t at = leaves_ + tokens;
    if (any_[at]) {
      return tokens;
    }
    while (at > 1 && !(at % 2 == 0 && any_[at + 1])) {
      at /= 2;
    }
    if (at <= 1) {
      return 0;
    }
    for (at += 1; at < leaves_;) {
      at = any_[2 * at] ? 2 * at : 2 * at + 1;
    }
    return at - leaves_;
  }

  std::uint32_t take(std::size_t room) {
    const std::uint32_t row = rows_[room].back();
    rows_[room].pop_back();
    if (rows_[room].empty()) {
      any_[leaves_ + room] = false;
      for (std::size_t at = (leaves_ + room) / 2; at > 0; at /= 2) {
        any_[at] = any_[2 * at] || any_[2 * at + 1];
      }
    }
    return row;
  }

 private:
  std::size_t leaves_;
  std::vector<bool> any_;
  std::vector<std::vector<std::uint32_t>> rows_;
};

class BestFitPlan : public RowPlan {
 public:
  BestFitPlan(const ShardReader& shards, const RowConfig& config) : ids_(config.seq_length + 1) {
    cut_sequences(shards, config.seed);
    if (pieces_.empty()) {
      user_error("the shard holds no tokens, so there are no rows");
    }
    place();
    order_.resize(first_piece_.size() - 1);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      order_[i] = static_cast<std::uint32_t>(i);
    }
    Random random(
        derive_seed(static_cast<std::uint64_t>(config.seed), "rows", "order of best-fit rows"));
    random.shuffle(std::span(order_));
    counts_.rows = static_cast<std::int64_t>(order_.size());
    counts_.padding = counts_.rows * ids_;
    for (const Piece& piece : pieces_) {
      counts_.tokens += piece.tokens - (piece.offset > 0 ? 1 : 0);
      counts_.padding -= piece.tokens;
    }
    counts_.left_out = shards.tokens() - counts_.tokens;
  }

  RowCounts counts() const override { return counts_; }

  std::vector<Piece> pieces(std::int64_t row) const override {
    const std::size_t place = order_[static_cast<std::size_t>(row)];
    const auto begin = pieces_.begin();
    return {begin + static_cast<std::ptrdiff_t>(first_piece_[place]),
            begin + static_cast<std::ptrdiff_t>(first_piece_[place + 1])};
  }

 private:
  void cut_sequences(const ShardReader& shards, std::int64_t seed) {
    for (const std::uint32_t sequence : sequence_order(shards, seed)) {
      const std::int64_t length = shards.length(sequence);
      // The last piece is never the shared token alone.
      for (std::int64_t offset = 0; offset == 0 || offset + 1 < length; offset += ids_ - 1) {
        pieces_.push_back({sequence, offset, std::min(ids_, length - offset)});
      }
    }
    std::stable_sort(pieces_.begin(), pieces_.end(),
                     [](const Piece& a, const Piece& b) { return a.tokens > b.tokens; });
  }

  // Gives every piece a row, then sorts the pieces by rows.
  void place() {
    OpenRows open(static_cast<std::size_t>(ids_));
    std::vector<std::uint32_t> row_of(pieces_.size());
    std::uint32_t rows = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      const auto tokens = static_cast<std::size_t>(pieces_[i].tokens);
      std::size_t room = open.best(tokens);
      if (room > 0) {
        row_of[i] = open.take(room);
      } else {
        TPT_CHECK(rows < ~std::uint32_t{0}, "2^32 rows");
        row_of[i] = rows++;
        room = static_cast<std::size_t>(ids_);
      }
      if (room > tokens) {
        open.put(room - tokens, row_of[i]);
      }
    }
    first_piece_.assign(rows + std::size_t{1}, 0);
    for (const std::uint32_t row : row_of) {
      ++first_piece_[row + std::size_t{1}];
    }
    for (std::size_t row = 0; row < rows; ++row) {
      first_piece_[row + 1] += first_piece_[row];
    }
    std::vector<std::uint64_t> next(first_piece_.begin(), first_piece_.end() - 1);
    std::vector<Piece> sorted(pieces_.size());
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      sorted[next[row_of[i]]++] = pieces_[i];
    }
    pieces_ = std::move(sorted);
  }

  std::int64_t ids_;  // a row
  std::vector<Piece> pieces_;
  std::vector<std::uint64_t> first_piece_;  // of each row, and the end
  std::vector<std::uint32_t> order_;
  RowCounts counts_;
};

}  // namespace

std::unique_ptr<RowPlan> make_best_fit_plan(const ShardReader& shards, const RowConfig& config) {
  return std::make_unique<BestFitPlan>(shards, config);
}

}  // namespace tpt::pack
