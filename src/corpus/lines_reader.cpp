#include "base/byte_order_mark.h"
#include "base/error.h"
#include "base/json.h"
#include "corpus/field_scanner.h"
#include "corpus/item_reader.h"
#include "corpus/json_text.h"
#include "storage/byte_stream.h"
#include "storage/lines.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace tpt::corpus {
namespace {

constexpr std::size_t kBeginningBytes = 200;

// Checks a text, builds nothing.
struct Checker : nlohmann::json_sax<Json> {
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool key(string_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return go_down(); }
  bool end_object() override { return --depth, true; }
  bool start_array(std::size_t /*elements*/) override { return go_down(); }
  bool end_array() override { return --depth, true; }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    // "[json.exception.parse_error.101] parse error at ...": the part for people.
    const std::string message = error.what();
    const std::size_t end = message.find("] ");
    // The message quotes what was read last, which may be the whole line.
    problem = message.substr(end == std::string::npos ? 0 : end + 2, 200);
    return false;
  }

  bool go_down() {
    if (++depth <= kMaxDepth) return true;
    problem = "nested too deep";
    return false;
  }

  std::size_t depth = 0;
  std::string problem;
};

class LinesReader : public ItemReader {
 public:
  LinesReader(const FilePiece& piece, const Config& config)
      : piece_(piece),
        archive_(storage::is_archive(piece.file.path)),
        by_number_(!piece.whole() && archive_),
        lines_(open(piece, by_number_)),
        text_column_(config.text_column),
        id_column_(config.id_column) {
    if (by_number_) skip_to_piece();
    first_begin_ = lines_.next_begin();
  }

  bool next(Item& item) override {
    storage::Line line;
    while (inside() && lines_.next(line)) {
      std::string_view text = line.text;
      const bool first = line.number == 1 && first_begin_ == 0;
      if (first) text = without_byte_order_mark(text);
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      item = {.line = line.number - skipped_};
      item.reason = line.too_long ? "line too long" : parse(text, item.document);
      if (!item.reason.empty()) item.beginning = text.substr(0, kBeginningBytes);
      return true;
    }
    return false;
  }

  std::int64_t bytes_read() const override {
    // Of an archive it is known only how much of it was taken to be decompressed.
    const std::int64_t read = !archive_    ? lines_.next_begin() - piece_.begin
                              : by_number_ ? lines_.file_bytes() - piece_.begin
                                           : lines_.file_bytes();
    return std::clamp(read, std::int64_t{0}, piece_.end - piece_.begin);
  }

  // Asked for only where a document has no id or a line is bad: then the bytes before are read.
  std::int64_t lines_before() override {
    if (by_number_) return skipped_;
    if (lines_before_ < 0) lines_before_ = count_lines_before(piece_.file.path, first_begin_);
    return lines_before_;
  }

 private:
  static storage::LineReader open(const FilePiece& piece, bool by_number) {
    if (by_number || piece.whole()) return storage::LineReader(piece.file.path);
    return storage::LineReader::starting_at(piece.file.path, piece.begin);
  }

  // An archive can be entered at its beginning only: its lines are counted, those before the piece
  // passed over.
  void skip_to_piece() {
    const std::int64_t all = count_lines(piece_.file.path);
    skipped_ = row_at(piece_.file, all, piece_.begin);
    end_number_ = row_at(piece_.file, all, piece_.end);
    storage::Line line;
    for (std::int64_t i = 0; i < skipped_; ++i) {
      TPT_CHECK(lines_.next(line), "{} has changed", piece_.file.path.string());
    }
    taken_ = skipped_;
  }

  // The last piece goes on to the end of the file, and meets what is damaged there.
  bool inside() {
    if (piece_.end == piece_.file.bytes) return true;
    return by_number_ ? taken_++ < end_number_ : lines_.next_begin() < piece_.end;
  }

  // Up to where it is damaged, if it is.
  static std::int64_t count_lines(const std::filesystem::path& path) {
    storage::LineReader reader(path);
    std::int64_t count = 0;
    try {
      for (storage::Line line; reader.next(line);) ++count;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
    }
    return count;
  }

  static std::int64_t count_lines_before(const std::filesystem::path& path, std::int64_t bytes) {
    const auto stream = storage::open_byte_stream(path);
    std::vector<char> piece(std::size_t{1} << 20U);
    std::int64_t count = 0;
    while (bytes > 0) {
      const auto wanted = std::min(static_cast<std::int64_t>(piece.size()), bytes);
      const std::size_t got = stream->read(piece.data(), static_cast<std::size_t>(wanted));
      if (got == 0) break;
      count += std::count(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got), '\n');
      bytes -= static_cast<std::int64_t>(got);
    }
    return count;
  }

  // Why the line gives no document; "" where it does. Values are taken as they are written, so that
  // no number changes on its way into the metadata.
  std::string parse(std::string_view line, Document& document) {
    if (const std::string problem = problem_of(line); !problem.empty()) return problem;
    FieldScanner fields(line);
    std::string metadata;
    bool has_text = false;
    for (FieldScanner::Field field; fields.next(field);) {
      const std::string key = decode_json_string(field.key);
      if (key == text_column_) {
        if (field.value.front() != '"') return text_column_ + " is not a text";
        document.text = decode_json_string(field.value);
        has_text = true;
      } else if (key == id_column_) {
        if (!take_id(field.value, document.id)) {
          return id_column_ + " is neither a text nor an integer";
        }
      } else {
        metadata += metadata.empty() ? "{" : ",";
        metadata.append(field.key).append(":").append(field.value);
      }
    }
    if (!has_text) return "no field " + text_column_;
    if (document.text.empty()) return "empty text";
    document.metadata = metadata.empty() ? "{}" : metadata + "}";
    return "";
  }

  // Why the line is no JSON object.
  static std::string problem_of(std::string_view line) {
    Checker checker;
    if (!is_surely_json(line, kMaxDepth) && !Json::sax_parse(line, &checker)) {
      return "not JSON: " + checker.problem;
    }
    return line[line.find_first_not_of(" \t\r")] == '{' ? "" : "not a JSON object";
  }

  static bool take_id(std::string_view value, std::string& id) {
    if (value == "null") return true;
    if (value.front() == '"') {
      id = decode_json_string(value);
      return true;
    }
    id = value;
    return value.find_first_not_of("-0123456789") == std::string_view::npos;
  }

  FilePiece piece_;
  bool archive_ = false;
  bool by_number_ = false;  // the piece is told by the numbers of its lines, not by bytes
  std::int64_t skipped_ = 0;
  std::int64_t end_number_ = 0;
  std::int64_t taken_ = 0;
  std::int64_t first_begin_ = 0;
  std::int64_t lines_before_ = -1;
  storage::LineReader lines_;
  std::string text_column_;
  std::string id_column_;
};

}  // namespace

std::unique_ptr<ItemReader> open_lines(const FilePiece& piece, const Config& config) {
  return std::make_unique<LinesReader>(piece, config);
}

}  // namespace tpt::corpus
