// AugmentedDocument rows as Parquet: the file between augment, filter and pack (docs/formats.md).
// Columns: id, text, thinking, finish_reason, prompt_tokens, thinking_tokens, context_bytes, seed,
// rollout, engine, prompt_sha256, request_sha256, chunk, chunks, source, metadata (one JSON
// object), and `reason` with `detail` in files of rejected rows.
#pragma once

#include "base/source.h"
#include "records/trajectory.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tpt::storage {

// Writes part-00000.parquet, part-00001.parquet, ... of `rows_per_part` rows into a folder. Each
// part is whole or absent. The same rows give the same bytes.
class AugmentedWriter : public Sink<AugmentedDocument> {
 public:
  // Called with each part once it stands.
  using OnPart = std::function<void(const std::filesystem::path&)>;

  explicit AugmentedWriter(std::filesystem::path folder, std::int64_t rows_per_part = 10000,
                           OnPart on_part = {});
  ~AugmentedWriter() override;
  void put(AugmentedDocument row) override;
  // The same with why it was rejected; a folder's rows are either all with a reason or all without.
  void put(AugmentedDocument row, std::string reason, std::string detail = "");
  void finish() override;
  // Instead of finish(): the rows since the last whole part stand in `file`, where there are any.
  void leave(const std::filesystem::path& file);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads every part of a folder in order, or one file. Error(data) for missing columns, naming file
// and column.
class AugmentedReader : public Source<AugmentedDocument> {
 public:
  explicit AugmentedReader(const std::filesystem::path& folder_or_file);
  ~AugmentedReader() override;
  [[nodiscard]] bool next(AugmentedDocument& row) override;
  // The reason of the row read last; "" in files without that column.
  const std::string& reason() const;
  // What the reason found in it, for a person; "" where it was not written.
  const std::string& detail() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The parts of a folder (or the one file) in reading order. A folder of shards (shard_folders.h)
// reads as all of them one after the other, and FOLDER/rejected as that folder of each shard.
// Error(user) where there are none, or shards are missing.
std::vector<std::filesystem::path> parquet_parts(const std::filesystem::path& folder_or_file);

}  // namespace tpt::storage
