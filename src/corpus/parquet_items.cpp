#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "corpus/item_reader.h"
#include "storage/parquet.h"

#include <optional>
#include <utility>
#include <variant>

namespace tpt::corpus {
namespace {

constexpr std::size_t kBeginningBytes = 200;

class ParquetItems : public ItemReader {
 public:
  ParquetItems(const FilePiece& piece, const Config& config)
      : reader_(piece.file.path),
        piece_bytes_(piece.end - piece.begin),
        first_row_(row_at(piece.file, reader_.rows(), piece.begin)),
        end_row_(row_at(piece.file, reader_.rows(), piece.end)) {
    const std::string path = piece.file.path.string();
    reader_.select(first_row_, end_row_);
    const auto& columns = reader_.columns();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == config.text_column) text_place_ = i;
      if (columns[i].name == config.id_column) id_place_ = i;
    }
    if (!text_place_) data_error("{}: there is no column {}", path, config.text_column);
    if (columns[*text_place_].type != storage::ColumnType::text) {
      data_error("{}: column {} holds no text", path, config.text_column);
    }
  }

  bool next(Item& item) override {
    if (!reader_.next(row_)) return false;
    item = {.line = ++rows_};
    item.reason = take_row(item.document);
    if (!item.reason.empty()) {
      item.beginning = item.document.text.substr(0, kBeginningBytes);
    }
    return true;
  }

  std::int64_t bytes_read() const override {
    const std::int64_t all = end_row_ - first_row_;
    return all == 0 ? piece_bytes_ : piece_bytes_ * rows_ / all;
  }
  std::int64_t lines_before() override { return first_row_; }

 private:
  std::string take_row(Document& document) {
    auto* text = std::get_if<std::string>(&row_[*text_place_]);
    if (text == nullptr) return "the text is null";
    document.text = std::move(*text);
    if (document.text.empty()) return "empty text";
    if (!is_utf8(document.text)) return "the text is not valid UTF-8";
    Json metadata = Json::object();
    for (std::size_t i = 0; i < row_.size(); ++i) {
      if (i == *text_place_) continue;
      Json value = std::visit([](auto& cell) { return to_json(cell); }, row_[i]);
      if (reader_.columns()[i].is_json && value.is_string()) {
        value = Json::parse(value.get_ref<const std::string&>(), nullptr, false);
      }
      if (id_place_ == i) {
        if (value.is_string()) {
          document.id = value.get<std::string>();
        } else if (value.is_number_integer()) {
          document.id = dump_json(value);
        } else if (!value.is_null()) {
          return "the id is neither a text nor an integer";
        }
      } else {
        metadata[reader_.columns()[i].name] = std::move(value);
      }
    }
    document.metadata = dump_json(metadata);
    return "";
  }

  static Json to_json(const std::monostate& /*null*/) { return nullptr; }
  template <typename T>
  static Json to_json(const T& value) {
    return value;
  }

  storage::ParquetReader reader_;
  std::int64_t piece_bytes_ = 0;
  std::int64_t first_row_ = 0;
  std::int64_t end_row_ = 0;
  std::int64_t rows_ = 0;
  std::optional<std::size_t> text_place_;
  std::optional<std::size_t> id_place_;
  std::vector<storage::Value> row_;
};

}  // namespace

std::unique_ptr<ItemReader> open_parquet(const FilePiece& piece, const Config& config) {
  return std::make_unique<ParquetItems>(piece, config);
}

}  // namespace tpt::corpus
