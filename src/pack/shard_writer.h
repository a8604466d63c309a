// Writes .bin, .idx, .spans and .names of a shard from a spool, in a given order.
#pragma once

#include "pack/spool.h"
#include "records/sample.h"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace tpt::pack {

// A sequence of the shard: that of the spool, or the same with another one's thinking in the place
// of its own.
struct Part {
  Kind kind = Kind::document;
  std::string_view ids;  // as they stand in the .bin
  std::size_t tokens = 0;
};

class ShardContents {
 public:
  // `donors`: by sequence whose thinking it gets; empty where each keeps its own. Both outlive
  // this.
  ShardContents(const Spool& spool, std::span<const std::uint64_t> donors)
      : spool_(spool), donors_(donors) {}

  std::vector<Part> parts(std::size_t sequence) const;
  std::size_t tokens(std::size_t sequence) const;
  std::string_view name(std::size_t sequence) const { return spool_.name(sequence); }

 private:
  const Spool& spool_;
  std::span<const std::uint64_t> donors_;
};

// Tokens of each kind, by the number of the kind.
using KindCounts = std::array<std::int64_t, 6>;

// Writes the four files under `prefix`, each whole or not at all. `order`: the sequences in the
// order they are to stand. `each` is called after every sequence and may throw to end it.
KindCounts write_shard_files(const std::filesystem::path& prefix, const ShardContents& contents,
                             std::span<const std::uint64_t> order, std::size_t id_bytes,
                             const std::function<void(std::size_t)>& each);

}  // namespace tpt::pack
