#include "corpus/shard.h"

#include "base/digest.h"
#include "base/error.h"
#include "corpus/item_reader.h"

#include <algorithm>
#include <limits>

namespace tpt::corpus {
namespace {

// Of a share that is still called comparable.
constexpr double kMostOfShare = 1.25;

// a * b / c, where a * b may need more than 64 bits.
std::int64_t scaled(std::int64_t a, std::int64_t b, std::int64_t c) {
  return static_cast<std::int64_t>(static_cast<__int128>(a) * b / c);
}

std::string digest_of(const std::vector<InputFile>& files) {
  Sha256 hash;
  for (const InputFile& file : files) {
    const std::string name = file.path.filename().string();
    hash.update(fmt::format("{}:{}{};", name.size(), name, file.bytes));
  }
  return hash.hex();
}

// The shard of every file by the rule "files".
std::vector<std::int64_t> deal_files(const std::vector<InputFile>& files, std::int64_t total,
                                     std::int64_t count) {
  std::vector<std::int64_t> shards;
  std::int64_t before = 0;
  for (const InputFile& file : files) {
    const std::int64_t middle = before + file.bytes / 2;
    shards.push_back(total == 0 ? 0 : std::min(scaled(middle, count, total), count - 1));
    before += file.bytes;
  }
  return shards;
}

bool is_fair(const std::vector<InputFile>& files, const std::vector<std::int64_t>& shards,
             std::int64_t total, std::int64_t count) {
  if (static_cast<std::int64_t>(files.size()) < count) return false;
  std::vector<std::int64_t> load(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < files.size(); ++i) {
    load[static_cast<std::size_t>(shards[i])] += files[i].bytes;
  }
  const double share = static_cast<double>(total) / static_cast<double>(count);
  return std::all_of(load.begin(), load.end(), [&](std::int64_t bytes) {
    return bytes > 0 && static_cast<double>(bytes) <= kMostOfShare * share;
  });
}

void add_piece(const InputFile& file, std::int64_t before, std::int64_t from, std::int64_t to,
               std::vector<FilePiece>& pieces) {
  if (file.kind == FileKind::text || file.bytes == 0) {
    if (before >= from && before < to) pieces.push_back({file, 0, file.bytes});
    return;
  }
  const std::int64_t begin = std::max(from - before, std::int64_t{0});
  const std::int64_t end = std::min(to - before, file.bytes);
  if (begin < end) pieces.push_back({file, begin, end});
}

}  // namespace

std::int64_t row_at(const InputFile& file, std::int64_t rows, std::int64_t place) {
  if (file.bytes == 0) return 0;
  const auto product = static_cast<__int128>(place) * rows + file.bytes - 1;
  return static_cast<std::int64_t>(product / file.bytes);
}

ShardPlan plan_shard(const std::vector<InputFile>& files, Shard shard) {
  TPT_CHECK(shard.count >= 1 && shard.index >= 0 && shard.index < shard.count);
  ShardPlan plan{.rule = "files",
                 .files = static_cast<std::int64_t>(files.size()),
                 .corpus_sha256 = digest_of(files)};
  for (const InputFile& file : files) plan.bytes += file.bytes;
  const auto shards = deal_files(files, plan.bytes, shard.count);
  if (shard.count == 1 || is_fair(files, shards, plan.bytes, shard.count)) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (shards[i] == shard.index) plan.pieces.push_back({files[i], 0, files[i].bytes});
    }
    return plan;
  }
  plan.rule = "ranges";
  const std::int64_t from = scaled(plan.bytes, shard.index, shard.count);
  // Empty files at the end of the corpus lie behind its last byte.
  const std::int64_t to = shard.index + 1 == shard.count
                              ? std::numeric_limits<std::int64_t>::max()
                              : scaled(plan.bytes, shard.index + 1, shard.count);
  std::int64_t before = 0;
  for (const InputFile& file : files) {
    add_piece(file, before, from, to, plan.pieces);
    before += file.bytes;
  }
  return plan;
}

Json to_json(const ShardPlan& plan) {
  return {{"rule", plan.rule},
          {"files", plan.files},
          {"bytes", plan.bytes},
          {"corpus_sha256", plan.corpus_sha256}};
}

}  // namespace tpt::corpus
