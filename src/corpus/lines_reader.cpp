#include "base/json.h"
#include "corpus/item_reader.h"
#include "storage/lines.h"

#include <string_view>
#include <utility>

namespace tpt::corpus {
namespace {

constexpr std::size_t kBeginningBytes = 200;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class LinesReader : public ItemReader {
 public:
  LinesReader(const std::filesystem::path& path, const Config& config)
      : lines_(path), text_column_(config.text_column), id_column_(config.id_column) {}

  bool next(Item& item) override {
    storage::Line line;
    while (lines_.next(line)) {
      std::string_view text = line.text;
      if (line.number == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(3);
      if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
      item = {.line = line.number};
      item.reason = line.too_long ? "line too long" : parse(text, item.document);
      if (!item.reason.empty()) item.beginning = text.substr(0, kBeginningBytes);
      return true;
    }
    return false;
  }

  std::int64_t bytes_read() const override { return lines_.file_bytes(); }

 private:
  // Why the line gives no document; "" where it does.
  std::string parse(std::string_view line, Document& document) {
    Json object;
    try {
      object = Json::parse(line);
    } catch (const Json::exception& problem) {
      return std::string("not JSON: ") + without_prefix(problem.what());
    }
    if (!object.is_object()) return "not a JSON object";
    const auto text = object.find(text_column_);
    if (text == object.end()) return "no field " + text_column_;
    if (!text->is_string()) return text_column_ + " is not a text";
    document.text = std::move(text->get_ref<std::string&>());
    if (document.text.empty()) return "empty text";
    object.erase(text);
    if (const auto id = object.find(id_column_); id != object.end()) {
      if (!take_id(*id, document.id)) return id_column_ + " is neither a text nor an integer";
      object.erase(id);
    }
    document.metadata = dump_json(object);
    return "";
  }

  // "[json.exception.parse_error.101] parse error at ...": the part for people.
  static std::string without_prefix(const std::string& message) {
    const std::size_t end = message.find("] ");
    return end == std::string::npos ? message : message.substr(end + 2);
  }

  static bool take_id(const Json& value, std::string& id) {
    if (value.is_string()) id = value.get<std::string>();
    if (value.is_number_integer()) id = dump_json(value);
    return value.is_string() || value.is_number_integer() || value.is_null();
  }

  storage::LineReader lines_;
  std::string text_column_;
  std::string id_column_;
};

}  // namespace

std::unique_ptr<ItemReader> open_lines(const std::filesystem::path& path, const Config& config) {
  return std::make_unique<LinesReader>(path, config);
}

}  // namespace tpt::corpus
