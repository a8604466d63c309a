#include "base/json.h"
#include "corpus/field_scanner.h"
#include "corpus/item_reader.h"
#include "storage/lines.h"

#include <string_view>
#include <utility>

namespace tpt::corpus {
namespace {

constexpr std::size_t kBeginningBytes = 200;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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
  // Why the line gives no document; "" where it does. Values are taken as they are written, so that
  // no number changes on its way into the metadata.
  std::string parse(std::string_view line, Document& document) {
    if (const std::string problem = problem_of(line); !problem.empty()) return problem;
    FieldScanner fields(line);
    std::string metadata;
    bool has_text = false;
    for (FieldScanner::Field field; fields.next(field);) {
      const std::string key = decode(field.key);
      if (key == text_column_) {
        if (field.value.front() != '"') return text_column_ + " is not a text";
        document.text = decode(field.value);
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
    if (!Json::sax_parse(line, &checker)) return "not JSON: " + checker.problem;
    return line[line.find_first_not_of(" \t\r")] == '{' ? "" : "not a JSON object";
  }

  // The text of a JSON string that is known to be one.
  static std::string decode(std::string_view quoted) {
    if (quoted.find('\\') == std::string_view::npos) {
      return std::string(quoted.substr(1, quoted.size() - 2));
    }
    return Json::parse(quoted).get<std::string>();
  }

  static bool take_id(std::string_view value, std::string& id) {
    if (value == "null") return true;
    if (value.front() == '"') {
      id = decode(value);
      return true;
    }
    id = value;
    return value.find_first_not_of("-0123456789") == std::string_view::npos;
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
