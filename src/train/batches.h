// Rows of the shards as tensors, epoch after epoch, from any place on.
#pragma once

#include "pack/row_reader.h"
#include "pack/shard_reader.h"
#include "records/sample.h"
#include "train/config.h"
#include "train/metrics.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace tpt::train {

// What rows hold, without their tensors.
struct BatchCounts {
  Tally counts;           // of the targets and their bytes, without losses
  double weight_sum = 0;  // of the targets
  // What the work is counted by: positions that are no padding, and over them the positions that
  // each attends to within its document (or its row), itself among them.
  std::int64_t positions = 0;
  std::int64_t attended = 0;

  std::int64_t targets() const { return counts.total_targets(); }
};

// One forward pass: b rows of t positions. `targets` lists what carries loss: n of the b * t
// positions, in order.
struct Batch : BatchCounts {
  at::Tensor ids_bt;        // int64
  at::Tensor document_bt;   // int64, undefined where attention goes across documents
  at::Tensor position_n;    // int64, indexes b * t; undefined where every position is a target
  at::Tensor targets_n;     // int64
  at::Tensor weights_n;     // fp32; undefined where all are 1
  at::Tensor kind_n;        // uint8: the numbers of `kinds`
  std::vector<Kind> kinds;  // of the targets, n
};

// Rows to a batch. Columns at the end that are padding in every row are left out. `bytes`: of each
// id's text (token_bytes.h); empty where they are not known.
Batch make_batch(const std::vector<Row>& rows, const Config& config,
                 std::span<const std::uint16_t> bytes = {});

// The tensors of the batch in memory of `device`, but document_bt, which the network reads on the
// host. On a GPU through pinned memory; the host waits for nothing.
Batch moved_to(Batch batch, at::Device device);
// The same numbers for rows that another process reads as its batch.
BatchCounts count_batch(const std::vector<Row>& rows, const Config& config,
                        std::span<const std::uint16_t> bytes);

// How many of a row's targets carry loss.
std::int64_t count_targets(const Row& row, Objective objective);

// Where in the data a run stands: the next row.
struct Place {
  std::int64_t epoch = 0;
  std::int64_t row = 0;

  bool operator==(const Place&) const = default;
};

// The rows of all epochs as one sequence: each epoch has its own order from (seed, epoch).
class RowStream {
 public:
  // Keeps a reference to `shards`. With config.epochs the stream ends after them.
  RowStream(const pack::ShardReader& shards, const Config& config, Place place);

  // Up to batch_rows * accumulation rows for one step; fewer at the end of the last epoch, none
  // after it.
  std::vector<Row> next_step();
  Place place() const { return place_; }
  // What row `row` of the epoch of `place` is made of.
  std::vector<pack::Piece> pieces(Place place) const;
  // Targets that carry loss in one epoch. Reads every row unless all are full.
  std::int64_t targets_of_epoch() const;
  std::int64_t rows_of_epoch() const { return reader_->rows(); }

 private:
  std::unique_ptr<pack::RowReader> reader_of(std::int64_t epoch) const;

  const pack::ShardReader& shards_;
  Config config_;
  Place place_;
  std::unique_ptr<pack::RowReader> reader_;
};

}  // namespace tpt::train
