#include "base/error.h"
#include "pack/row_reader.h"
#include "pack/shard_reader.h"
#include "train/batches.h"
#include "train/objective.h"
#include "train/token_bytes.h"
#include "train/train.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

namespace tpt::train {
namespace {

constexpr std::int64_t kRowsAtOnce = 16;

Tally summed(const Tally& tally, Ranks& ranks) {
  if (!ranks.are_many()) {
    return tally;
  }
  at::Tensor nats = at::tensor(at::ArrayRef<double>(tally.nats));
  at::Tensor counts = at::stack({at::tensor(at::ArrayRef<std::int64_t>(tally.targets)),
                                 at::tensor(at::ArrayRef<std::int64_t>(tally.bytes))});
  ranks.sum(nats);
  ranks.sum(counts);
  Tally all;
  std::copy_n(nats.const_data_ptr<double>(), Tally::kKinds, all.nats.begin());
  const auto* values = counts.const_data_ptr<std::int64_t>();
  std::copy_n(values, Tally::kKinds, all.targets.begin());
  std::copy_n(values + Tally::kKinds, Tally::kKinds, all.bytes.begin());
  return all;
}

}  // namespace

Tally held_out_tally(const model::Transformer& network, const std::filesystem::path& shards,
                     std::int64_t seq_length, model::Precision precision, std::int64_t max_rows,
                     Ranks& ranks) {
  const pack::ShardReader reader(shards);
  if (reader.vocab_size() > network.config().vocab_size) {
    user_error("{}: ids up to {}, but the model's vocabulary has {}", shards.string(),
               reader.vocab_size(), network.config().vocab_size);
  }
  const pack::RowReader rows(reader, {.seq_length = seq_length});
  const std::vector<std::uint16_t> bytes = token_bytes(reader);
  const std::int64_t count = max_rows > 0 ? std::min(max_rows, rows.rows()) : rows.rows();
  const at::NoGradGuard no_gradients;
  Config config;
  config.cross_document_attention = false;
  Tally tally;
  const std::int64_t stride = kRowsAtOnce * ranks.size();
  for (std::int64_t first = ranks.rank() * kRowsAtOnce; first < count; first += stride) {
    std::vector<Row> some;
    for (std::int64_t row = first; row < std::min(count, first + kRowsAtOnce); ++row) {
      some.push_back(rows.row(row));
    }
    const Batch batch = make_batch(some, config, bytes);
    if (batch.targets() > 0) {
      tally.add(tally_of(target_losses(network, batch, {.precision = precision}), batch));
    }
  }
  return summed(tally, ranks);
}

HeldOutLoss held_out_loss(const model::Transformer& network, const std::filesystem::path& shards,
                          std::int64_t seq_length, model::Precision precision,
                          std::int64_t max_rows) {
  Ranks alone;
  const Tally tally = held_out_tally(network, shards, seq_length, precision, max_rows, alone);
  return {.document_nats_per_token = tally.mean(Kind::document),
          .thinking_nats_per_token = tally.mean(Kind::thinking),
          .document_bits_per_byte = tally.bits_per_byte(Kind::document),
          .thinking_bits_per_byte = tally.bits_per_byte(Kind::thinking),
          .document_tokens = tally.count(Kind::document),
          .thinking_tokens = tally.count(Kind::thinking)};
}

}  // namespace tpt::train
