#include "train/batches.h"

#include "base/error.h"
#include "base/random.h"
#include "model/device_ops.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace tpt::train {
namespace {

bool carries_loss(Kind kind, Objective objective) {
  switch (objective) {
    case Objective::all:
      return kind != Kind::padding;
    case Objective::answers:
      return kind == Kind::answer;
  }
  TPT_CHECK(false, "objective {}", static_cast<int>(objective));
}

// Positions up to the last one whose input and target are both more than padding, over all rows;
// at least 1.
std::int64_t used_positions(const std::vector<Row>& rows) {
  std::size_t used = 2;
  for (const Row& row : rows) {
    std::size_t end = row.kinds.size();
    while (end > used && row.kinds[end - 1] == Kind::padding) {
      --end;
    }
    used = std::max(used, end);
  }
  return static_cast<std::int64_t>(used) - 1;
}

// The number, within the row, of the sequence each position belongs to.
at::Tensor document_numbers(const std::vector<Row>& rows, std::int64_t positions) {
  at::Tensor document_bt =
      at::empty({static_cast<std::int64_t>(rows.size()), positions}, at::kLong);
  std::int64_t* out = document_bt.data_ptr<std::int64_t>();
  for (const Row& row : rows) {
    std::size_t next = 0;
    for (std::int64_t t = 0; t < positions; ++t) {
      while (next < row.starts.size() && row.starts[next] <= t) {
        ++next;
      }
      *out++ = static_cast<std::int64_t>(next);
    }
  }
  return document_bt;
}

// Counts the row's positions of documents, and what each of them attends to.
void count_work(const Row& row, std::int64_t positions, bool across_documents, BatchCounts& batch) {
  std::int64_t seen = 0;
  std::size_t next = 1;
  for (std::int64_t t = 0; t < positions; ++t) {
    if (next < row.starts.size() && row.starts[next] <= t) {
      ++next;
      seen = across_documents ? seen : 0;
    }
    if (row.kinds[static_cast<std::size_t>(t)] != Kind::padding) {
      ++seen;
      ++batch.positions;
      batch.attended += seen;
    }
  }
}

// Counts a target; gives its weight.
double count_target(TokenId id, Kind kind, const Config& config,
                    std::span<const std::uint16_t> bytes, BatchCounts& batch) {
  const auto index = static_cast<std::size_t>(id);
  batch.counts.add_target(kind, index < bytes.size() ? bytes[index] : 0);
  const double weight = loss_weight(config, kind);
  batch.weight_sum += weight;
  return weight;
}

at::Tensor to_tensor(const std::vector<std::int64_t>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace

Batch make_batch(const std::vector<Row>& rows, const Config& config,
                 std::span<const std::uint16_t> bytes) {
  TPT_CHECK(!rows.empty());
  const std::int64_t positions = used_positions(rows);
  const auto count = static_cast<std::int64_t>(rows.size());
  Batch batch;
  batch.ids_bt = at::empty({count, positions}, at::kLong);
  std::int64_t* ids = batch.ids_bt.data_ptr<std::int64_t>();
  std::vector<std::int64_t> position_n, targets_n;
  std::vector<float> weights;
  for (std::int64_t b = 0; b < count; ++b) {
    const Row& row = rows[static_cast<std::size_t>(b)];
    TPT_CHECK(static_cast<std::int64_t>(row.ids.size()) > positions);
    count_work(row, positions, config.cross_document_attention, batch);
    for (std::int64_t t = 0; t < positions; ++t) {
      const auto here = static_cast<std::size_t>(t);
      ids[b * positions + t] = row.ids[here];
      const Kind kind = row.kinds[here + 1];
      if (carries_loss(kind, config.objective)) {
        position_n.push_back(b * positions + t);
        targets_n.push_back(row.ids[here + 1]);
        batch.kinds.push_back(kind);
        weights.push_back(
            static_cast<float>(count_target(row.ids[here + 1], kind, config, bytes, batch)));
      }
    }
  }
  batch.targets_n = to_tensor(targets_n);
  if (batch.targets() < count * positions) {
    batch.position_n = to_tensor(position_n);
  }
  batch.kind_n = at::empty({batch.targets()}, at::kByte);
  std::memcpy(batch.kind_n.mutable_data_ptr(), batch.kinds.data(), batch.kinds.size());
  if (std::any_of(weights.begin(), weights.end(), [](float weight) { return weight != 1.0F; })) {
    batch.weights_n = at::empty({batch.targets()}, at::kFloat);
    std::copy(weights.begin(), weights.end(), batch.weights_n.data_ptr<float>());
  }
  if (!config.cross_document_attention) {
    batch.document_bt = document_numbers(rows, positions);
  }
  return batch;
}

Batch moved_to(Batch batch, at::Device device) {
  for (at::Tensor* tensor :
       {&batch.ids_bt, &batch.position_n, &batch.targets_n, &batch.weights_n, &batch.kind_n}) {
    *tensor = model::moved(*tensor, device);
  }
  return batch;
}

BatchCounts count_batch(const std::vector<Row>& rows, const Config& config,
                        std::span<const std::uint16_t> bytes) {
  const std::int64_t positions = used_positions(rows);
  BatchCounts batch;
  for (const Row& row : rows) {
    count_work(row, positions, config.cross_document_attention, batch);
    for (std::size_t here = 0; here < static_cast<std::size_t>(positions); ++here) {
      const Kind kind = row.kinds[here + 1];
      if (carries_loss(kind, config.objective)) {
        count_target(row.ids[here + 1], kind, config, bytes, batch);
      }
    }
  }
  return batch;
}

std::int64_t count_targets(const Row& row, Objective objective) {
  return std::count_if(row.kinds.begin() + 1, row.kinds.end(),
                       [&](Kind kind) { return carries_loss(kind, objective); });
}

RowStream::RowStream(const pack::ShardReader& shards, const Config& config, Place place)
    : shards_(shards), config_(config), place_(place), reader_(reader_of(place.epoch)) {}

std::unique_ptr<pack::RowReader> RowStream::reader_of(std::int64_t epoch) const {
  constexpr std::uint64_t kNonNegative = ~std::uint64_t{0} >> 1U;
  const std::uint64_t seed =
      derive_seed(static_cast<std::uint64_t>(config_.seed), std::to_string(epoch), "order of rows");
  const pack::RowConfig rows{.seq_length = config_.seq_length,
                             .seed = static_cast<std::int64_t>(seed & kNonNegative),
                             .policy = config_.rows};
  return std::make_unique<pack::RowReader>(shards_, rows);
}

std::vector<pack::Piece> RowStream::pieces(Place place) const {
  return place.epoch == place_.epoch ? reader_->pieces(place.row)
                                     : reader_of(place.epoch)->pieces(place.row);
}

std::vector<Row> RowStream::next_step() {
  const std::int64_t wanted = config_.batch_rows * config_.accumulation;
  std::vector<Row> rows;
  while (static_cast<std::int64_t>(rows.size()) < wanted) {
    if (place_.row == reader_->rows()) {
      if (config_.epochs > 0 && place_.epoch + 1 == config_.epochs) {
        break;
      }
      place_ = {place_.epoch + 1, 0};
      reader_ = reader_of(place_.epoch);
    }
    rows.push_back(reader_->row(place_.row++));
  }
  return rows;
}

std::int64_t RowStream::targets_of_epoch() const {
  if (config_.rows == pack::RowPolicy::concat && config_.objective == Objective::all) {
    return reader_->rows() * config_.seq_length;
  }
  std::int64_t targets = 0;
  for (std::int64_t row = 0; row < reader_->rows(); ++row) {
    targets += count_targets(reader_->row(row), config_.objective);
  }
  return targets;
}

}  // namespace tpt::train
