#include "base/error.h"
#include "storage/files.h"
#include "storage/input_file.h"
#include "storage/parquet.h"

#include <arrow/api.h>
#include <arrow/compute/api.h>
#include <arrow/util/float16.h>
#include <arrow/util/formatting.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/metadata.h>

#include <algorithm>
#include <cmath>
#include <optional>

namespace tpt::storage {
namespace {

template <typename T>
T checked(arrow::Result<T> result, const std::string& path) {
  if (!result.ok())
    data_error("{}: cannot be read as Parquet: {}", path, result.status().message());
  return std::move(*result);
}

bool fits_integer(arrow::Type::type type) {
  switch (type) {
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
      return true;
    default:
      return false;
  }
}

bool fits_number(arrow::Type::type type) {
  return type == arrow::Type::FLOAT || type == arrow::Type::DOUBLE ||
         type == arrow::Type::HALF_FLOAT;
}

ColumnType column_type(const arrow::DataType& type) {
  if (type.id() == arrow::Type::BOOL) return ColumnType::boolean;
  if (fits_integer(type.id())) return ColumnType::integer;
  if (fits_number(type.id())) return ColumnType::number;
  if (type.id() == arrow::Type::DICTIONARY) {
    return column_type(*static_cast<const arrow::DictionaryType&>(type).value_type());
  }
  return ColumnType::text;
}

bool holds_text(arrow::Type::type type) {
  return type == arrow::Type::STRING || type == arrow::Type::LARGE_STRING ||
         type == arrow::Type::STRING_VIEW;
}

bool holds_bytes(arrow::Type::type type) {
  return type == arrow::Type::BINARY || type == arrow::Type::LARGE_BINARY ||
         type == arrow::Type::BINARY_VIEW || type == arrow::Type::FIXED_SIZE_BINARY;
}

std::string json_quoted(std::string_view text) {
  // JSON's escapes are needed for nested values only.
  std::string out = "\"";
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (byte < 0x20) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += letter;
    }
  }
  return out + "\"";
}

std::optional<double> number_of(const arrow::Scalar& scalar) {
  // Arrow's cast would take its bits for the number.
  if (scalar.type->id() == arrow::Type::HALF_FLOAT) {
    const auto bits = static_cast<const arrow::HalfFloatScalar&>(scalar).value;
    return arrow::util::Float16::FromBits(bits).ToDouble();
  }
  const auto number = scalar.CastTo(arrow::float64());
  if (!number.ok()) return std::nullopt;
  return static_cast<const arrow::DoubleScalar&>(**number).value;
}

std::string scalar_json(const arrow::Scalar& scalar);

std::string list_json(const arrow::Array& items) {
  std::string out = "[";
  for (std::int64_t i = 0; i < items.length(); ++i) {
    const auto item = items.GetScalar(i);
    out += (i > 0 ? "," : "") + (item.ok() ? scalar_json(**item) : std::string("null"));
  }
  return out + "]";
}

// One value of any type as JSON, for nested columns.
std::string scalar_json(const arrow::Scalar& scalar) {
  if (!scalar.is_valid) return "null";
  const auto type = scalar.type->id();
  if (type == arrow::Type::STRUCT) {
    const auto& fields = static_cast<const arrow::StructScalar&>(scalar);
    std::string out = "{";
    for (int i = 0; i < scalar.type->num_fields(); ++i) {
      out += (i > 0 ? "," : "") + json_quoted(scalar.type->field(i)->name()) + ":" +
             scalar_json(*fields.value[static_cast<std::size_t>(i)]);
    }
    return out + "}";
  }
  if (const auto* list = dynamic_cast<const arrow::BaseListScalar*>(&scalar)) {
    return list_json(*list->value);
  }
  if (type == arrow::Type::BOOL || fits_integer(type) || type == arrow::Type::UINT64) {
    return scalar.ToString();
  }
  if (fits_number(type)) {
    const auto value = number_of(scalar);
    return value && std::isfinite(*value) ? fmt::format("{}", *value) : "null";
  }
  if (const auto* binary = dynamic_cast<const arrow::BaseBinaryScalar*>(&scalar)) {
    return json_quoted(std::string_view(*binary->value));
  }
  return json_quoted(scalar.ToString());
}

Value cell(const arrow::Array& array, std::int64_t row, ColumnType type, const std::string& path) {
  if (array.IsNull(row)) return {};
  if (array.type_id() == arrow::Type::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
    const std::int64_t place = dictionary.GetValueIndex(row);
    if (place < 0 || place >= dictionary.dictionary()->length()) {
      data_error("{}: damaged: an entry outside of its dictionary", path);
    }
    return cell(*dictionary.dictionary(), place, type, path);
  }
  if (const auto* text = dynamic_cast<const arrow::StringArray*>(&array)) {
    return std::string(text->GetView(row));
  }
  if (const auto* text = dynamic_cast<const arrow::LargeStringArray*>(&array)) {
    return std::string(text->GetView(row));
  }
  if (const auto* integer = dynamic_cast<const arrow::Int64Array*>(&array)) {
    return integer->Value(row);
  }
  const auto scalar = array.GetScalar(row);
  if (!scalar.ok()) return {};
  const arrow::Scalar& value = **scalar;
  switch (type) {
    case ColumnType::boolean:
      return static_cast<const arrow::BooleanScalar&>(value).value;
    case ColumnType::integer: {
      const auto integer = value.CastTo(arrow::int64());
      if (!integer.ok()) return {};
      return static_cast<const arrow::Int64Scalar&>(**integer).value;
    }
    case ColumnType::number: {
      const auto number = number_of(value);
      return number ? Value(*number) : Value();
    }
    case ColumnType::text:
      break;
  }
  if (holds_text(array.type_id()) || holds_bytes(array.type_id())) {
    const auto& bytes = static_cast<const arrow::BaseBinaryScalar&>(value);
    return std::string(std::string_view(*bytes.value));
  }
  if (arrow::is_nested(array.type_id())) return scalar_json(value);
  return value.ToString();
}

}  // namespace

struct ParquetReader::State {
  std::string path;
  std::shared_ptr<InputFile> file;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::vector<Column> columns;
  std::int64_t rows = 0;
  std::shared_ptr<arrow::RecordBatchReader> batches;
  std::shared_ptr<arrow::RecordBatch> batch;
  std::int64_t first_row = 0;
  std::int64_t end_row = 0;
  std::int64_t position = 0;  // in the batch
  std::int64_t left = 0;      // of the rows that were asked for

  void open() {
    auto metadata = parquet::ReadMetaData(file);
    parquet::arrow::FileReaderBuilder builder;
    // Pages one after the other, instead of all columns of a row group at once.
    parquet::ReaderProperties pages;
    pages.enable_buffered_stream();
    pages.set_page_checksum_verification(true);
    if (is_remote(path)) pages.set_buffer_size(remote_buffer_bytes(metadata->num_columns()));
    const auto opened = builder.Open(file, pages, metadata);
    if (!opened.ok()) data_error("{}: not a Parquet file: {}", path, opened.message());
    // Batches of few rows keep documents of many megabytes in bounds.
    constexpr std::int64_t kBatchRows = 256;
    parquet::ArrowReaderProperties properties;
    properties.set_batch_size(kBatchRows);
    // Buffered ranges would be kept until the end of the file.
    properties.set_pre_buffer(false);
    builder.properties(properties);
    reader = checked(builder.Build(), path);
    std::shared_ptr<arrow::Schema> schema;
    const auto status = reader->GetSchema(&schema);
    if (!status.ok()) data_error("{}: its schema cannot be read: {}", path, status.message());
    for (const auto& field : schema->fields()) {
      columns.push_back(
          {field->name(), column_type(*field->type()), arrow::is_nested(*field->type())});
    }
    rows = reader->parquet_reader()->metadata()->num_rows();
    end_row = rows;
  }

  // The groups that hold the rows, and where these begin in the first of them.
  void start() {
    const auto metadata = reader->parquet_reader()->metadata();
    std::vector<int> groups;
    std::int64_t before = 0;
    for (int group = 0; group < metadata->num_row_groups(); ++group) {
      const std::int64_t behind = before + metadata->RowGroup(group)->num_rows();
      if (behind > first_row && before < end_row) {
        if (groups.empty()) position = first_row - before;
        groups.push_back(group);
      }
      before = behind;
    }
    left = end_row - first_row;
    batches = checked(reader->GetRecordBatchReader(groups), path);
  }

  // A request costs a round trip, so each fetches much; all columns together are bounded.
  static std::int64_t remote_buffer_bytes(int columns) {
    constexpr std::int64_t kAllBytes = std::int64_t{64} << 20U;
    constexpr std::int64_t kLeast = std::int64_t{64} << 10U;
    constexpr std::int64_t kMost = std::int64_t{4} << 20U;
    return std::clamp(kAllBytes / std::max(columns, 1), kLeast, kMost);
  }

  // What went wrong while decoding: the file, unless reading it did.
  [[noreturn]] void failed(const char* what, const char* why) const {
    file->check();
    data_error("{}: {}: {}", path, what, why);
  }

  bool fetch() {
    if (batches == nullptr) start();
    if (left <= 0) return false;
    for (;;) {
      if (batch != nullptr && position < batch->num_rows()) return true;
      if (batch != nullptr) position -= batch->num_rows();
      const auto status = batches->ReadNext(&batch);
      if (!status.ok()) data_error("{}: damaged: {}", path, status.message());
      if (batch == nullptr) return false;
      for (const auto& column : batch->columns()) {
        // Not in full for texts: one that is not UTF-8 must not take the others with it.
        const bool nested = arrow::is_nested(column->type_id());
        const auto valid = nested ? column->ValidateFull() : column->Validate();
        if (!valid.ok()) data_error("{}: damaged: {}", path, valid.message());
      }
    }
  }
};

ParquetReader::ParquetReader(const std::filesystem::path& path)
    : state_(std::make_unique<State>()) {
  state_->path = path.string();
  state_->file = open_input_file(path);
  try {
    state_->open();
  } catch (const parquet::ParquetException& problem) {
    state_->failed("not a Parquet file", problem.what());
  } catch (const Error&) {
    state_->file->check();
    throw;
  }
}

ParquetReader::~ParquetReader() = default;

const std::vector<Column>& ParquetReader::columns() const { return state_->columns; }

std::int64_t ParquetReader::rows() const { return state_->rows; }

void ParquetReader::select(std::int64_t first, std::int64_t end) {
  TPT_CHECK(state_->batches == nullptr && first >= 0 && first <= end && end <= state_->rows);
  state_->first_row = first;
  state_->end_row = end;
}

bool ParquetReader::next(std::vector<Value>& row) {
  State& state = *state_;
  try {
    if (!state.fetch()) return false;
  } catch (const parquet::ParquetException& problem) {
    state.failed("damaged", problem.what());
  } catch (const Error&) {
    state.file->check();
    throw;
  }
  row.resize(state.columns.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    row[i] = cell(*state.batch->column(static_cast<int>(i)), state.position, state.columns[i].type,
                  state.path);
  }
  ++state.position;
  --state.left;
  return true;
}

}  // namespace tpt::storage
