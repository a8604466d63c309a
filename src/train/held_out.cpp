#include "train/held_out.h"

#include "base/error.h"
#include "train/batches.h"
#include "train/objective.h"
#include "train/starting_point.h"
#include "train/token_bytes.h"
#include "train/train.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

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

std::unique_ptr<pack::ShardReader> opened(const std::filesystem::path& shards,
                                          std::int64_t vocab_size, std::int64_t seq_length) {
  auto reader = std::make_unique<pack::ShardReader>(shards);
  if (reader->vocab_size() > vocab_size) {
    user_error("{}: ids up to {}, but the model's vocabulary has {}", shards.string(),
               reader->vocab_size(), vocab_size);
  }
  if (reader->tokens() < seq_length + 1) {
    user_error("{}: its {} tokens make no row of {}", shards.string(), reader->tokens(),
               seq_length + 1);
  }
  reader->limit_ids(vocab_size);
  return reader;
}

std::filesystem::path whole_path(const std::string& path) {
  const auto whole = std::filesystem::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
}

// Its last `parts` parts.
std::string end_of(const std::filesystem::path& path, std::int64_t parts) {
  const std::int64_t all = std::distance(path.begin(), path.end());
  std::filesystem::path end;
  for (auto part = std::next(path.begin(), std::max<std::int64_t>(0, all - parts));
       part != path.end(); ++part) {
    end /= *part;
  }
  return end.string();
}

}  // namespace

HeldOut::HeldOut(const std::filesystem::path& shards, const model::Transformer& network,
                 std::int64_t seq_length, std::int64_t max_rows)
    : shards_(opened(shards, network.config().vocab_size, seq_length)),
      rows_(*shards_, {.seq_length = seq_length}),
      count_(max_rows > 0 ? std::min(max_rows, rows_.rows()) : rows_.rows()),
      bytes_(token_bytes(*shards_)) {}

Tally HeldOut::tally(const model::Transformer& network, model::Precision precision,
                     Ranks& ranks) const {
  const at::NoGradGuard no_gradients;
  Config config;
  config.cross_document_attention = false;
  Tally tally;
  const std::int64_t stride = kRowsAtOnce * ranks.size();
  for (std::int64_t first = ranks.rank() * kRowsAtOnce; first < count_; first += stride) {
    std::vector<Row> some;
    for (std::int64_t row = first; row < std::min(count_, first + kRowsAtOnce); ++row) {
      some.push_back(rows_.row(row));
    }
    const Batch batch = make_batch(some, config, bytes_);
    if (batch.targets() > 0) {
      tally.add(tally_of(target_losses(network, batch, {.precision = precision}), batch));
    }
  }
  return summed(tally, ranks);
}

std::vector<std::string> names_of(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> whole(paths.size());
  std::transform(paths.begin(), paths.end(), whole.begin(), whole_path);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (std::find(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(i), whole[i]) !=
        whole.begin() + static_cast<std::ptrdiff_t>(i)) {
      user_error("train.held_out: {} is there twice", paths[i]);
    }
  }
  std::vector<std::int64_t> parts(paths.size(), 1);
  std::vector<std::string> names(paths.size());
  for (bool are_apart = false; !are_apart;) {
    std::map<std::string, int> times;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      names[i] = end_of(whole[i], parts[i]);
      ++times[names[i]];
    }
    are_apart = true;
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (times[names[i]] > 1) {
        ++parts[i];
        are_apart = false;
      }
    }
  }
  return names;
}

std::vector<NamedHeldOut> open_held_out(const Config& config, const model::Transformer& network,
                                        const pack::ShardReader& shards) {
  const std::vector<std::string> names = names_of(config.held_out);
  std::vector<NamedHeldOut> opened;
  for (std::size_t i = 0; i < names.size(); ++i) {
    HeldOut one(config.held_out[i], network, config.seq_length, config.held_out_rows);
    check_same_tokens(one.shards().tokenizer_file().parent_path(), shards);
    opened.push_back({names[i], std::move(one)});
  }
  return opened;
}

HeldOutLoss held_out_loss(const model::Transformer& network, const std::filesystem::path& shards,
                          std::int64_t seq_length, model::Precision precision,
                          std::int64_t max_rows) {
  Ranks alone;
  const Tally tally =
      HeldOut(shards, network, seq_length, max_rows).tally(network, precision, alone);
  return {.document_nats_per_token = tally.mean(Kind::document),
          .thinking_nats_per_token = tally.mean(Kind::thinking),
          .document_bits_per_byte = tally.bits_per_byte(Kind::document),
          .thinking_bits_per_byte = tally.bits_per_byte(Kind::thinking),
          .document_tokens = tally.count(Kind::document),
          .thinking_tokens = tally.count(Kind::thinking)};
}

}  // namespace tpt::train
