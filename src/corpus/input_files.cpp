#include "base/error.h"
#include "corpus/config.h"

#include <algorithm>
#include <fnmatch.h>
#include <glob.h>
#include <optional>

namespace tpt::corpus {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKinds =
    ".jsonl, .ndjson, .parquet, .txt, .md (.gz and .zst behind them too)";

std::optional<FileKind> kind_of(const fs::path& path) {
  fs::path name = path.filename();
  const std::string last = name.extension().string();
  const bool packed = last == ".gz" || last == ".zst";
  if (packed) name = name.stem();
  const std::string extension = name.extension().string();
  if (extension == ".jsonl" || extension == ".ndjson") return FileKind::lines;
  if (extension == ".parquet" && !packed) return FileKind::parquet;
  if (extension == ".txt" || extension == ".md") return FileKind::text;
  return std::nullopt;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  const auto options = fs::directory_options::follow_directory_symlink;
  for (const auto& entry : fs::recursive_directory_iterator(folder, options)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// "a/**/b*.jsonl": everything below the folder before the first wildcard, matched as a whole.
std::vector<fs::path> deep_matches(const std::string& pattern) {
  const std::size_t wildcard = pattern.find_first_of("*?[");
  const std::size_t slash = pattern.rfind('/', wildcard);
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash);
  if (!fs::is_directory(folder)) return {};
  const std::string whole = slash == std::string::npos ? "./" + pattern : pattern;
  // "**/" stands for no folder too.
  std::string flat = whole;
  for (std::size_t at = 0; (at = flat.find("**/", at)) != std::string::npos;) flat.erase(at, 3);
  std::vector<fs::path> found;
  for (const fs::path& file : files_below(folder)) {
    if (fnmatch(whole.c_str(), file.c_str(), 0) == 0 ||
        fnmatch(flat.c_str(), file.c_str(), FNM_PATHNAME) == 0) {
      found.push_back(file);
    }
  }
  return found;
}

std::vector<fs::path> glob_matches(const std::string& pattern) {
  glob_t matches{};
  std::vector<fs::path> found;
  if (glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &matches) == 0) {
    for (std::size_t i = 0; i < matches.gl_pathc; ++i) found.emplace_back(matches.gl_pathv[i]);
  }
  globfree(&matches);
  return found;
}

void add_folder(const fs::path& folder, std::vector<InputFile>& files) {
  const std::size_t before = files.size();
  for (const fs::path& file : files_below(folder)) {
    if (const auto kind = kind_of(file)) files.push_back({file, *kind});
  }
  if (files.size() == before) {
    user_error("corpus.inputs: {}: no file in it that can be read; allowed: {}", folder.string(),
               kKinds);
  }
}

void add_path(const fs::path& path, std::vector<InputFile>& files) {
  if (fs::is_directory(path)) {
    add_folder(path, files);
    return;
  }
  const auto kind = kind_of(path);
  if (!kind) user_error("corpus.inputs: got {}, allowed: {}", path.string(), kKinds);
  files.push_back({path, *kind});
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.texts("inputs", config.inputs,
               "JSONL (plain, .gz, .zst), Parquet, .txt and .md files, folders of them, globs");
  fields.text("text_column", config.text_column, "the field that holds the text");
  fields.text("id_column", config.id_column,
              "the field that names the document; where it is missing the name is file:row");
  fields.flag("strict", config.strict, "stop at the first bad line or file");
  fields.number("max_bad_share", config.max_bad_share,
                "fail at the end where more than this share of lines and files was bad", 0, 1);
  fields.flag("check_ids", config.check_ids,
              "keep documents aside whose id came before; 16 bytes of memory a document");
  fields.integer("limit", config.limit, "read this many documents; 0: all", 0);
}

std::vector<InputFile> input_files(const Config& config) {
  if (config.inputs.empty()) user_error("corpus.inputs: nothing given");
  std::vector<InputFile> files;
  for (const std::string& input : config.inputs) {
    if (fs::exists(input)) {
      add_path(input, files);
      continue;
    }
    const auto found =
        input.find("**") == std::string::npos ? glob_matches(input) : deep_matches(input);
    if (found.empty()) user_error("corpus.inputs: {}: no such file, folder or match", input);
    for (const fs::path& path : found) add_path(path, files);
  }
  return files;
}

std::vector<fs::path> find_files(const Config& config) {
  std::vector<fs::path> paths;
  for (const InputFile& file : input_files(config)) paths.push_back(file.path);
  return paths;
}

}  // namespace tpt::corpus
