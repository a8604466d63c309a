// Parquet tables by rows. The only place of the project that knows Arrow.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace tpt::storage {

// A cell; monostate is null.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

enum class ColumnType { boolean, integer, number, text };

struct Column {
  std::string name;
  ColumnType type = ColumnType::text;
  bool is_json = false;   // a list, struct or map that was read: its texts are JSON
  bool distinct = false;  // hardly a value twice: written without a dictionary
};

// Writes one Parquet file (zstd, row groups of `rows_per_group`), atomically: it stands under its
// name after finish(). The same rows give the same bytes.
class ParquetWriter {
 public:
  ParquetWriter(const std::filesystem::path& path, std::vector<Column> columns,
                std::int64_t rows_per_group = 1000);
  ~ParquetWriter();
  // One value a column, in their order; Error(bug) where a type does not fit, Error(data) for text
  // that is not valid UTF-8.
  void put(std::span<const Value> row);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads any Parquet file, a few hundred rows at a time. Columns of other types (lists, structs,
// timestamps, binary) come as text: JSON for nested ones. Text is as the file holds it, valid UTF-8
// or not.
class ParquetReader {
 public:
  // Error(data) naming the file where it is not Parquet or is damaged.
  explicit ParquetReader(const std::filesystem::path& path);
  ~ParquetReader();
  const std::vector<Column>& columns() const;
  std::int64_t rows() const;
  // Only the rows from `first` to before `end`, the groups around them unread. To be called before
  // next().
  void select(std::int64_t first, std::int64_t end);
  // Error(data) naming the file where it is damaged.
  [[nodiscard]] bool next(std::vector<Value>& row);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tpt::storage
