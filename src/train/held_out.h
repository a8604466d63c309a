// The loss on shards that are not trained on.
#pragma once

#include "model/transformer.h"
#include "pack/row_reader.h"
#include "pack/shard_reader.h"
#include "train/config.h"
#include "train/metrics.h"
#include "train/ranks.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tpt::train {

class HeldOut {
 public:
  // The first `max_rows` rows (0: all) of the shards, joined end to end, in the order of seed 1.
  // Error(io) for missing files, Error(data) for damaged ones, Error(user) for shards too short for
  // a row or with ids beyond the vocabulary of `network`.
  HeldOut(const std::filesystem::path& shards, const model::Transformer& network,
          std::int64_t seq_length, std::int64_t max_rows);

  const pack::ShardReader& shards() const { return *shards_; }

  // Losses and bytes of text by kind, by all processes together. Each document is read on its own,
  // however the network was trained: what another document says before it must not help or mislead.
  Tally tally(const model::Transformer& network, model::Precision precision, Ranks& ranks) const;

 private:
  std::unique_ptr<pack::ShardReader> shards_;  // where the reader of rows looks for it
  pack::RowReader rows_;
  std::int64_t count_ = 0;  // of the rows that are read
  std::vector<std::uint16_t> bytes_;
};

// One of config.held_out, under the name that the records give it.
struct NamedHeldOut {
  std::string name;
  HeldOut held_out;
};

// All of config.held_out; Error(user) also for one whose tokenizer gives other ids than that of
// `shards`, which are trained on.
std::vector<NamedHeldOut> open_held_out(const Config& config, const model::Transformer& network,
                                        const pack::ShardReader& shards);

// The last parts of the paths, as many as tell them from each other. Error(user) for a path that is
// there twice.
std::vector<std::string> names_of(const std::vector<std::string>& paths);

}  // namespace tpt::train
