#include "app/benchmark_files.h"

#include "augment/embedded.h"
#include "augment/prompt.h"
#include "base/error.h"
#include "base/log.h"
#include "storage/lines.h"
#include "storage/parquet.h"

#include <algorithm>
#include <array>
#include <glob.h>
#include <optional>

namespace tpt::app {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kQuestionNames = {
    "question", "problem", "prompt", "query", "instruction", "input", "text"};
constexpr std::array<std::string_view, 6> kIdNames = {"id",      "unique_id", "question_id",
                                                      "task_id", "idx",       "name"};
constexpr const char* kColumns = "question, problem, prompt, query, instruction, input, text";

fs::path without_packing(const fs::path& file) {
  const bool packed = file.extension() == ".gz" || file.extension() == ".zst";
  return packed ? fs::path(file).replace_extension() : file;
}

bool is_benchmark(const fs::path& file) {
  const std::string extension = without_packing(file).extension().string();
  return extension == ".jsonl" || extension == ".ndjson" || extension == ".json" ||
         extension == ".csv" || extension == ".parquet";
}

std::string benchmark_name(const fs::path& file) {
  const std::string folder = file.parent_path().filename().string();
  const std::string name = without_packing(file).stem().string();
  return folder.empty() || folder == "." ? name : folder + "/" + name;
}

// The place of the first of `names` among the columns.
template <std::size_t N>
std::optional<std::size_t> place_of(const std::vector<std::string>& columns,
                                    const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names) {
    const auto found = std::find(columns.begin(), columns.end(), name);
    if (found != columns.end()) return static_cast<std::size_t>(found - columns.begin());
  }
  return std::nullopt;
}

void visit_object(const Json& object, const fs::path& file, std::int64_t number,
                  const std::function<void(BenchmarkQuestion)>& visit) {
  if (!object.is_object()) data_error("{}:{}: not a JSON object", file.string(), number);
  BenchmarkQuestion question{.benchmark = benchmark_name(file), .item = std::to_string(number)};
  const auto text = std::find_if(kQuestionNames.begin(), kQuestionNames.end(), [&](auto name) {
    return object.contains(name) && object[std::string(name)].is_string();
  });
  if (text == kQuestionNames.end()) {
    user_error("filter.decontaminate: {}:{}: none of the fields {} holds a text", file.string(),
               number, kColumns);
  }
  question.question = object[std::string(*text)].get<std::string>();
  for (const std::string_view name : kIdNames) {
    const std::string key(name);
    if (!object.contains(key)) continue;
    if (object[key].is_string()) question.item = object[key].get<std::string>();
    if (object[key].is_number_integer()) question.item = dump_json(object[key]);
    break;
  }
  visit(std::move(question));
}

void read_json_lines(const fs::path& file, const std::function<void(BenchmarkQuestion)>& visit) {
  storage::LineReader lines(file);
  for (storage::Line line; lines.next(line);) {
    if (line.text.find_first_not_of(" \t") == std::string_view::npos) continue;
    visit_object(parse_json(line.text, fmt::format("{}:{}", file.string(), line.number)), file,
                 line.number, visit);
  }
}

void read_json(const fs::path& file, const std::function<void(BenchmarkQuestion)>& visit) {
  std::string text;
  storage::LineReader lines(file);
  for (storage::Line line; lines.next(line);) text.append(line.text).append("\n");
  const std::size_t first = text.find_first_not_of(" \t\n");
  // Many files of one object a line are called .json.
  if (first == std::string::npos || text[first] != '[') return read_json_lines(file, visit);
  std::int64_t number = 0;
  for (const Json& object : parse_json(text, file.string())) {
    visit_object(object, file, ++number, visit);
  }
}

// The records of a CSV file (RFC 4180): quoted fields may hold commas, quotes and line ends.
class CsvRecords {
 public:
  explicit CsvRecords(const fs::path& file) : file_(file), lines_(file) {}

  bool next(std::vector<std::string>& fields) {
    fields.assign(1, "");
    storage::Line line;
    if (!lines_.next(line)) return false;
    number_ = line.number;
    bool quoted = false;
    while (!take(line.text, fields, quoted)) {
      fields.back() += '\n';
      if (!lines_.next(line)) data_error("{}:{}: a quote is never closed", file_.string(), number_);
    }
    return true;
  }
  // Of the line where the record began.
  std::int64_t number() const { return number_; }

 private:
  // False where the line ends inside quotes.
  static bool take(std::string_view text, std::vector<std::string>& fields, bool& quoted) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '"' && quoted && text.substr(at + 1, 1) == "\"") {
        fields.back() += '"';
        ++at;
      } else if (c == '"' && (quoted || fields.back().empty())) {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        fields.emplace_back();
      } else {
        fields.back() += c;
      }
    }
    return !quoted;
  }

  fs::path file_;
  storage::LineReader lines_;
  std::int64_t number_ = 0;
};

void read_csv(const fs::path& file, const std::function<void(BenchmarkQuestion)>& visit) {
  CsvRecords records(file);
  std::size_t question = 0;
  std::optional<std::size_t> id;
  bool first = true;
  for (std::vector<std::string> fields; records.next(fields);) {
    if (std::exchange(first, false)) {
      if (const auto named = place_of(fields, kQuestionNames)) {
        question = *named;
        id = place_of(fields, kIdNames);
        continue;
      }
    }
    if (question >= fields.size()) {
      data_error("{}:{}: {} fields, the question stands in field {}", file.string(),
                 records.number(), fields.size(), question + 1);
    }
    const bool named = id && *id < fields.size();
    visit({benchmark_name(file), named ? fields[*id] : std::to_string(records.number()),
           fields[question]});
  }
}

std::string text_of(const storage::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  return "";
}

void read_parquet(const fs::path& file, const std::function<void(BenchmarkQuestion)>& visit) {
  storage::ParquetReader reader(file);
  std::vector<std::string> columns;
  for (const storage::Column& column : reader.columns()) columns.push_back(column.name);
  const auto question = place_of(columns, kQuestionNames);
  const auto id = place_of(columns, kIdNames);
  if (!question) {
    user_error("filter.decontaminate: {}: none of the columns {}", file.string(), kColumns);
  }
  std::int64_t number = 0;
  for (std::vector<storage::Value> row; reader.next(row);) {
    ++number;
    const std::string name = id ? text_of(row[*id]) : "";
    visit({benchmark_name(file), name.empty() ? std::to_string(number) : name,
           text_of(row[*question])});
  }
}

std::shared_ptr<const filter::Decontaminator> load_benchmarks(const filter::Config& config) {
  if (config.decontaminate.empty()) return nullptr;
  const auto words = static_cast<std::size_t>(config.decontaminate_words);
  auto benchmarks = std::make_shared<filter::Decontaminator>(filter::DecontaminationConfig{
      .words = words,
      .short_words = std::min<std::size_t>(8, words),
      .most_bytes = static_cast<std::size_t>(config.decontaminate_megabytes) << 20U});
  for (const fs::path& file : benchmark_files(config.decontaminate)) {
    read_benchmark(file, [&](const BenchmarkQuestion& question) {
      benchmarks->add(question.benchmark, question.item, question.question);
    });
  }
  benchmarks->finish();
  log_info(
      "decontaminate: {} questions, {} MiB; {} of them are too short to be found inside a text",
      benchmarks->items(), benchmarks->bytes() >> 20U, benchmarks->short_items());
  return benchmarks;
}

}  // namespace

std::vector<fs::path> benchmark_files(const std::vector<std::string>& given) {
  std::vector<fs::path> files;
  for (const std::string& name : given) {
    const std::size_t before = files.size();
    glob_t matches{};
    if (glob(name.c_str(), GLOB_BRACE | GLOB_TILDE | GLOB_NOCHECK, nullptr, &matches) == 0) {
      for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
        const fs::path path = matches.gl_pathv[i];
        if (fs::is_regular_file(path)) files.push_back(path);
        if (!fs::is_directory(path)) continue;
        std::vector<fs::path> inside;
        for (const auto& entry : fs::recursive_directory_iterator(path)) {
          if (entry.is_regular_file() && is_benchmark(entry.path())) inside.push_back(entry.path());
        }
        std::sort(inside.begin(), inside.end());
        files.insert(files.end(), inside.begin(), inside.end());
      }
    }
    globfree(&matches);
    if (files.size() == before) {
      user_error(
          "filter.decontaminate: {}: names no file that can be read; allowed: .jsonl, .json, "
          ".csv (.gz and .zst behind them too), .parquet",
          name);
    }
  }
  return files;
}

void read_benchmark(const fs::path& file, const std::function<void(BenchmarkQuestion)>& visit) {
  const std::string extension = without_packing(file).extension().string();
  if (extension == ".jsonl" || extension == ".ndjson") return read_json_lines(file, visit);
  if (extension == ".json") return read_json(file, visit);
  if (extension == ".csv") return read_csv(file, visit);
  if (extension == ".parquet") return read_parquet(file, visit);
  user_error(
      "filter.decontaminate: {}: got a file of another kind, allowed: .jsonl, .json, .csv "
      "(.gz and .zst behind them too), .parquet",
      file.string());
}

filter::Materials filter_materials(const filter::Config& config,
                                   const std::vector<std::string>& prompt_files) {
  filter::Materials materials;
  for (const auto& file : augment::embedded_files()) materials.prompts.emplace_back(file.bytes);
  for (const std::string& file : prompt_files) {
    materials.prompts.push_back(augment::load_prompt(file).text());
  }
  materials.benchmarks = load_benchmarks(config);
  return materials;
}

std::vector<fs::path> filter_files(const filter::Config& config) {
  std::vector<fs::path> files = benchmark_files(config.decontaminate);
  for (const std::string& prompt : config.prompts) {
    if (fs::is_regular_file(prompt) && !augment::is_built_in(prompt)) files.emplace_back(prompt);
  }
  return files;
}

}  // namespace tpt::app
