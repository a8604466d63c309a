#include "base/error.h"
#include "base/utf8.h"
#include "storage/atomic_file.h"
#include "storage/parquet.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace tpt::storage {
namespace {

void check(const arrow::Status& status, const std::string& path) {
  if (status.ok()) return;
  io_error("cannot write {}: {}", path, status.message());
}

std::shared_ptr<arrow::DataType> arrow_type(ColumnType type) {
  switch (type) {
    case ColumnType::boolean:
      return arrow::boolean();
    case ColumnType::integer:
      return arrow::int64();
    case ColumnType::number:
      return arrow::float64();
    case ColumnType::text:
      return arrow::utf8();
  }
  TPT_CHECK(false, "unknown column type");
  return nullptr;
}

void append(arrow::ArrayBuilder& builder, const Column& column, const Value& value,
            const std::string& path) {
  if (std::holds_alternative<std::monostate>(value)) {
    check(builder.AppendNull(), path);
    return;
  }
  const auto wrong = [&] { TPT_CHECK(false, "column {}: a value of another type", column.name); };
  switch (column.type) {
    case ColumnType::boolean:
      if (!std::holds_alternative<bool>(value)) wrong();
      check(static_cast<arrow::BooleanBuilder&>(builder).Append(std::get<bool>(value)), path);
      return;
    case ColumnType::integer:
      if (!std::holds_alternative<std::int64_t>(value)) wrong();
      check(static_cast<arrow::Int64Builder&>(builder).Append(std::get<std::int64_t>(value)), path);
      return;
    case ColumnType::number:
      if (!std::holds_alternative<double>(value)) wrong();
      check(static_cast<arrow::DoubleBuilder&>(builder).Append(std::get<double>(value)), path);
      return;
    case ColumnType::text:
      if (!std::holds_alternative<std::string>(value)) wrong();
      if (!is_utf8(std::get<std::string>(value))) {
        data_error("{}: column {}: the text is not valid UTF-8", path, column.name);
      }
      check(static_cast<arrow::StringBuilder&>(builder).Append(std::get<std::string>(value)), path);
      return;
  }
}

}  // namespace

struct ParquetWriter::State {
  std::filesystem::path path;
  std::string partial;
  std::vector<Column> columns;
  std::int64_t rows_per_group = 0;
  std::int64_t rows = 0;        // in the builders
  std::int64_t text_bytes = 0;  // in the builders
  std::shared_ptr<arrow::Schema> schema;
  std::vector<std::unique_ptr<arrow::ArrayBuilder>> builders;
  std::shared_ptr<arrow::io::FileOutputStream> output;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  bool finished = false;

  void flush() {
    if (rows == 0) return;
    std::vector<std::shared_ptr<arrow::Array>> arrays;
    for (const auto& builder : builders) {
      auto array = builder->Finish();
      check(array.status(), partial);
      arrays.push_back(*array);
    }
    const auto table = arrow::Table::Make(schema, arrays, rows);
    check(writer->WriteTable(*table, rows), partial);
    rows = 0;
    text_bytes = 0;
  }
};

ParquetWriter::ParquetWriter(const std::filesystem::path& path, std::vector<Column> columns,
                             std::int64_t rows_per_group)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.path = path;
  state.partial = path.string() + ".partial";
  state.columns = std::move(columns);
  state.rows_per_group = rows_per_group;
  arrow::FieldVector fields;
  for (const Column& column : state.columns) {
    fields.push_back(arrow::field(column.name, arrow_type(column.type)));
    auto builder = arrow::MakeBuilder(arrow_type(column.type));
    check(builder.status(), state.partial);
    state.builders.push_back(std::move(*builder));
  }
  state.schema = arrow::schema(fields);
  auto output = arrow::io::FileOutputStream::Open(state.partial);
  check(output.status(), state.partial);
  state.output = *output;
  parquet::WriterProperties::Builder options;
  options.compression(parquet::Compression::ZSTD)->enable_page_checksum();
  for (const Column& column : state.columns) {
    if (column.distinct) options.disable_dictionary(column.name);
  }
  const auto properties = options.build();
  const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  auto writer = parquet::arrow::FileWriter::Open(*state.schema, arrow::default_memory_pool(),
                                                 state.output, properties, arrow_properties);
  check(writer.status(), state.partial);
  state.writer = std::move(*writer);
}

ParquetWriter::~ParquetWriter() {
  if (state_->finished) return;
  // The file never became whole; what closing it says does not matter.
  state_->writer.reset();
  (void)state_->output->Close();
  std::error_code ignored;
  std::filesystem::remove(state_->partial, ignored);
}

void ParquetWriter::put(std::span<const Value> row) {
  State& state = *state_;
  TPT_CHECK(row.size() == state.columns.size(), "{} values for {} columns", row.size(),
            state.columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    append(*state.builders[i], state.columns[i], row[i], state.partial);
    if (const auto* text = std::get_if<std::string>(&row[i])) {
      state.text_bytes += static_cast<std::int64_t>(text->size());
    }
  }
  // A column of texts holds less than 2 GiB a group.
  constexpr std::int64_t kMaxGroupBytes = std::int64_t{256} << 20U;
  if (++state.rows >= state.rows_per_group || state.text_bytes >= kMaxGroupBytes) state.flush();
}

void ParquetWriter::finish() {
  State& state = *state_;
  TPT_CHECK(!state.finished, "finish twice");
  state.flush();
  check(state.writer->Close(), state.partial);
  check(state.output->Close(), state.partial);
  const int file = open(state.partial.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || fsync(file) != 0) {
    const int problem = errno;
    if (file >= 0) close(file);
    io_error("cannot sync {}: {}", state.partial, std::strerror(problem));
  }
  close(file);
  std::error_code problem;
  std::filesystem::rename(state.partial, state.path, problem);
  if (problem) io_error("cannot rename {}: {}", state.partial, problem.message());
  state.finished = true;
  sync_folder(state.path);
}

}  // namespace tpt::storage
