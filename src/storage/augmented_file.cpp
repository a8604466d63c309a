#include "storage/augmented_file.h"

#include "base/error.h"
#include "storage/files.h"
#include "storage/parquet.h"
#include "storage/shard_folders.h"

#include <algorithm>
#include <array>
#include <optional>

namespace tpt::storage {
namespace {

namespace fs = std::filesystem;

const std::vector<Column>& augmented_columns() {
  static const std::vector<Column> kColumns = {
      {"id", ColumnType::text, false, true},
      {"text", ColumnType::text, false, true},
      {"thinking", ColumnType::text, false, true},
      {"finish_reason", ColumnType::text},
      {"prompt_tokens", ColumnType::integer},
      {"thinking_tokens", ColumnType::integer},
      {"context_bytes", ColumnType::integer},
      {"seed", ColumnType::integer},
      {"rollout", ColumnType::integer},
      {"engine", ColumnType::text},
      {"prompt_sha256", ColumnType::text},
      {"request_sha256", ColumnType::text, false, true},
      {"chunk", ColumnType::integer},
      {"chunks", ColumnType::integer},
      {"source", ColumnType::text},
      {"metadata", ColumnType::text},
  };
  return kColumns;
}

std::vector<Value> to_values(AugmentedDocument row) {
  Document& document = row.document;
  Trajectory& trajectory = row.trajectory;
  return {std::move(document.id), std::move(document.text), std::move(trajectory.text),
          std::string(finish_name(trajectory.finish)), trajectory.prompt_tokens,
          trajectory.thinking_tokens, trajectory.context_bytes,
          // Parquet's integers are signed; the bits are the same.
          static_cast<std::int64_t>(trajectory.seed), trajectory.rollout,
          std::move(trajectory.engine), std::move(trajectory.prompt_sha256),
          std::move(trajectory.request_sha256), row.chunk, row.chunks, std::move(document.source),
          std::move(document.metadata)};
}

}  // namespace

struct AugmentedWriter::State {
  fs::path folder;
  std::int64_t rows_per_part = 0;
  std::int64_t part = 0;
  std::int64_t rows = 0;  // in the part being written
  std::optional<bool> with_reason;
  std::unique_ptr<ParquetWriter> writer;
  OnPart on_part;

  fs::path part_path(std::int64_t number) const {
    return folder / fmt::format("part-{:05}.parquet", number);
  }

  void put(std::vector<Value> values, bool has_reason) {
    TPT_CHECK(!with_reason || *with_reason == has_reason, "rows with and without a reason");
    with_reason = has_reason;
    if (writer == nullptr) open();
    writer->put(values);
    if (++rows >= rows_per_part) close();
  }

  void open() {
    std::vector<Column> columns = augmented_columns();
    if (with_reason.value_or(false)) {
      columns.push_back({"reason", ColumnType::text});
      columns.push_back({"detail", ColumnType::text});
    }
    writer = std::make_unique<ParquetWriter>(part_path(part), std::move(columns));
    rows = 0;
  }

  void close() {
    writer->finish();
    writer.reset();
    if (on_part) on_part(part_path(part));
    ++part;
  }
};

AugmentedWriter::AugmentedWriter(fs::path folder, std::int64_t rows_per_part, OnPart on_part)
    : state_(std::make_unique<State>()) {
  TPT_CHECK(rows_per_part > 0);
  fs::create_directories(folder);
  state_->folder = std::move(folder);
  state_->rows_per_part = rows_per_part;
  state_->on_part = std::move(on_part);
}

AugmentedWriter::~AugmentedWriter() = default;

void AugmentedWriter::put(AugmentedDocument row) { state_->put(to_values(std::move(row)), false); }

void AugmentedWriter::put(AugmentedDocument row, std::string reason, std::string detail) {
  std::vector<Value> values = to_values(std::move(row));
  values.emplace_back(std::move(reason));
  values.emplace_back(std::move(detail));
  state_->put(std::move(values), true);
}

void AugmentedWriter::finish() {
  State& state = *state_;
  // No row at all still gives a file: an empty result is a result.
  if (state.writer == nullptr && state.part == 0) state.open();
  if (state.writer != nullptr) state.close();
  // Parts of an earlier run that had more.
  for (std::int64_t left = state.part; fs::exists(state.part_path(left)); ++left) {
    fs::remove(state.part_path(left));
  }
  for (const auto& entry : fs::directory_iterator(state.folder)) {
    // Of a run that was killed.
    const std::string name = entry.path().filename().string();
    if (name.starts_with("part-") && name.ends_with(".parquet.partial")) fs::remove(entry.path());
  }
}

void AugmentedWriter::leave(const fs::path& file) {
  State& state = *state_;
  if (state.writer == nullptr) return;
  state.writer->finish();
  state.writer.reset();
  std::error_code problem;
  fs::create_directories(file.parent_path(), problem);
  if (!problem) fs::rename(state.part_path(state.part), file, problem);
  if (problem) io_error("cannot write {}: {}", file.string(), problem.message());
}

struct AugmentedReader::State {
  std::vector<fs::path> parts;
  std::size_t next_part = 0;
  std::unique_ptr<ParquetReader> reader;
  std::vector<std::size_t> places;  // of augmented_columns() in the file
  std::optional<std::size_t> reason_place;
  std::optional<std::size_t> detail_place;
  std::vector<Value> values;
  std::string reason;
  std::string detail;

  void open(const fs::path& part) {
    reader = std::make_unique<ParquetReader>(part);
    places.clear();
    reason_place.reset();
    detail_place.reset();
    const auto& columns = reader->columns();
    for (const Column& wanted : augmented_columns()) {
      const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& column) {
        return column.name == wanted.name;
      });
      if (found == columns.end()) {
        data_error("{}: there is no column {}: not rows that tpt augment wrote", part.string(),
                   wanted.name);
      }
      if (found->type != wanted.type) {
        data_error("{}: column {} is of another type than docs/formats.md says", part.string(),
                   wanted.name);
      }
      places.push_back(static_cast<std::size_t>(found - columns.begin()));
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == "reason") reason_place = i;
      if (columns[i].name == "detail") detail_place = i;
    }
  }

  std::string text(std::size_t column) {
    auto* value = std::get_if<std::string>(&values[places[column]]);
    return value == nullptr ? std::string() : std::move(*value);
  }

  std::string optional_text(std::optional<std::size_t> place) {
    auto* value = place ? std::get_if<std::string>(&values[*place]) : nullptr;
    return value == nullptr ? std::string() : std::move(*value);
  }

  std::int64_t integer(std::size_t column) const {
    const auto* value = std::get_if<std::int64_t>(&values[places[column]]);
    return value == nullptr ? 0 : *value;
  }
};

AugmentedReader::AugmentedReader(const fs::path& folder_or_file)
    : state_(std::make_unique<State>()) {
  state_->parts = parquet_parts(folder_or_file);
}

AugmentedReader::~AugmentedReader() = default;

const std::string& AugmentedReader::reason() const { return state_->reason; }

const std::string& AugmentedReader::detail() const { return state_->detail; }

bool AugmentedReader::next(AugmentedDocument& row) {
  State& state = *state_;
  while (state.reader == nullptr || !state.reader->next(state.values)) {
    if (state.next_part == state.parts.size()) return false;
    state.open(state.parts[state.next_part++]);
  }
  row.document.id = state.text(0);
  row.document.text = state.text(1);
  row.trajectory.text = state.text(2);
  row.trajectory.finish = finish_from_name(state.text(3));
  row.trajectory.prompt_tokens = state.integer(4);
  row.trajectory.thinking_tokens = state.integer(5);
  row.trajectory.context_bytes = state.integer(6);
  row.trajectory.seed = static_cast<std::uint64_t>(state.integer(7));
  row.trajectory.rollout = state.integer(8);
  row.trajectory.engine = state.text(9);
  row.trajectory.prompt_sha256 = state.text(10);
  row.trajectory.request_sha256 = state.text(11);
  row.chunk = state.integer(12);
  row.chunks = state.integer(13);
  row.document.source = state.text(14);
  row.document.metadata = state.text(15);
  state.reason = state.optional_text(state.reason_place);
  state.detail = state.optional_text(state.detail_place);
  return true;
}

namespace {

// Those that stand in the folder itself, by name, where part-100000 comes after part-99999.
std::vector<fs::path> parts_in(const fs::path& folder) {
  std::vector<fs::path> parts;
  if (!is_folder(folder)) return parts;
  const std::size_t start = (folder / "").native().size();
  for (const StoredFile& file : files_below(folder)) {
    const bool deeper = file.path.native().find('/', start) != std::string::npos;
    if (!deeper && file.path.extension() == ".parquet") parts.push_back(file.path);
  }
  std::sort(parts.begin(), parts.end(), [](const fs::path& left, const fs::path& right) {
    const std::string a = left.filename().string();
    const std::string b = right.filename().string();
    const bool numbered = a.starts_with("part-") && b.starts_with("part-");
    return numbered && a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return parts;
}

// Of all shards of a folder, one after the other; of a folder inside each of them where `inside` is
// named.
std::vector<fs::path> parts_of_shards(const fs::path& folder, const fs::path& inside) {
  std::vector<fs::path> parts;
  for (const fs::path& shard : shard_folders(folder)) {
    const auto more = parts_in(inside.empty() ? shard : shard / inside);
    parts.insert(parts.end(), more.begin(), more.end());
  }
  return parts;
}

}  // namespace

std::vector<fs::path> parquet_parts(const fs::path& folder_or_file) {
  if (is_file(folder_or_file)) return {folder_or_file};
  fs::path folder = folder_or_file;
  if (!folder.has_filename()) folder = folder.parent_path();
  std::vector<fs::path> parts = parts_in(folder);
  if (is_folder(folder)) {
    std::vector<fs::path> shards = parts_of_shards(folder, {});
    if (!parts.empty() && !shards.empty()) {
      user_error("{}: holds rows and shards of rows", folder.string());
    }
    if (parts.empty()) parts = std::move(shards);
    if (parts.empty()) user_error("{}: no .parquet file in it", folder.string());
  } else if (folder.has_parent_path() && is_folder(folder.parent_path())) {
    parts = parts_of_shards(folder.parent_path(), folder.filename());
  }
  if (parts.empty()) user_error("{}: no such file", folder_or_file.string());
  return parts;
}

}  // namespace tpt::storage
