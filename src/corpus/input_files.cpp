#include "base/error.h"
#include "corpus/config.h"
#include "storage/files.h"

#include <algorithm>
#include <fnmatch.h>
#include <glob.h>
#include <optional>
#include <system_error>
#include <utility>

namespace tpt::corpus {
namespace {

namespace fs = std::filesystem;
using storage::StoredFile;

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

// "a/{b,c}" -> "a/b", "a/c", as a shell does it.
std::vector<std::string> without_braces(const std::string& pattern) {
  const std::size_t open = pattern.find('{');
  const std::size_t close = pattern.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return {pattern};
  std::vector<std::string> all;
  for (std::size_t begin = open + 1; begin <= close;) {
    const std::size_t end = std::min(pattern.find(',', begin), close);
    const std::string one =
        pattern.substr(0, open) + pattern.substr(begin, end - begin) + pattern.substr(close + 1);
    for (std::string& rest : without_braces(one)) all.push_back(std::move(rest));
    begin = end + 1;
  }
  return all;
}

// Everything below the folder before the first wildcard, matched as a whole. "**" goes down
// folders: "a/**/b*.jsonl".
std::vector<StoredFile> listed_matches(const std::string& pattern) {
  const std::size_t wildcard = pattern.find_first_of("*?[");
  if (wildcard == std::string::npos) return {};
  const std::size_t slash = pattern.rfind('/', wildcard);
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash);
  if (!storage::is_folder(folder)) return {};
  const std::string whole = slash == std::string::npos ? "./" + pattern : pattern;
  const bool deep = whole.find("**") != std::string::npos;
  // "**/" stands for no folder too.
  std::string flat = whole;
  for (std::size_t at = 0; (at = flat.find("**/", at)) != std::string::npos;) flat.erase(at, 3);
  std::vector<StoredFile> found;
  for (StoredFile& file : storage::files_below(folder)) {
    const char* name = file.path.c_str();
    if ((deep && fnmatch(whole.c_str(), name, 0) == 0) ||
        fnmatch(flat.c_str(), name, FNM_PATHNAME) == 0) {
      found.push_back(std::move(file));
    }
  }
  return found;
}

std::vector<StoredFile> remote_matches(const std::string& pattern) {
  std::vector<StoredFile> found;
  for (const std::string& one : without_braces(pattern)) {
    const auto entry = storage::is_file(one)
                           ? std::vector<StoredFile>{{one, storage::file_bytes(one)}}
                           : listed_matches(one);
    found.insert(found.end(), entry.begin(), entry.end());
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

// Where a folder really lies.
fs::path place_of(const fs::path& folder) {
  fs::path place = folder.lexically_normal();
  if (!storage::is_remote(folder)) {
    std::error_code problem;
    // What cannot be is told of where it is made.
    const fs::path named = folder.empty() ? "." : folder;
    const fs::path real = fs::weakly_canonical(fs::absolute(named, problem), problem);
    if (!problem) place = real;
  }
  return place.has_filename() ? place : place.parent_path();
}

class LeftOut {
 public:
  explicit LeftOut(const std::vector<Written>& written) : written_(written) {
    for (Written& each : written_) each.folder = place_of(each.folder);
  }

  bool holds(const fs::path& path) {
    if (written_.empty()) return false;
    const fs::path named = path.has_filename() ? path : path.parent_path();
    // Files come folder by folder.
    if (!folder_ || named.parent_path() != *folder_) {
      folder_ = named.parent_path();
      place_ = place_of(*folder_);
    }
    const fs::path place = place_ / named.filename();
    return std::any_of(written_.begin(), written_.end(), [&](const Written& written) {
      const fs::path inside = place.lexically_relative(written.folder);
      return !inside.empty() &&
             std::any_of(written.names.begin(), written.names.end(), [&](const auto& name) {
               return fnmatch(name.c_str(), inside.begin()->c_str(), 0) == 0;
             });
    });
  }

 private:
  std::vector<Written> written_;
  std::optional<fs::path> folder_;
  fs::path place_;
};

void add_file(const StoredFile& file, std::vector<InputFile>& files) {
  const auto kind = kind_of(file.path);
  if (!kind) user_error("corpus.inputs: got {}, allowed: {}", file.path.string(), kKinds);
  files.push_back({file.path, *kind, file.bytes});
}

void add_folder(const fs::path& folder, LeftOut& left_out, std::vector<InputFile>& files) {
  if (left_out.holds(folder)) {
    user_error("corpus.inputs: {} is where the output goes: choose another --out", folder.string());
  }
  bool can_be_read = false;
  for (const StoredFile& file : storage::files_below(folder)) {
    if (!kind_of(file.path)) continue;
    can_be_read = true;
    if (!left_out.holds(file.path)) add_file(file, files);
  }
  if (!can_be_read) {
    user_error("corpus.inputs: {}: no file in it that can be read; allowed: {}", folder.string(),
               kKinds);
  }
}

// False where there is no such file or folder.
bool add_path(const fs::path& path, LeftOut& left_out, std::vector<InputFile>& files) {
  if (storage::is_folder(path)) {
    add_folder(path, left_out, files);
  } else if (storage::is_file(path)) {
    add_file({path, storage::file_bytes(path)}, files);
  } else {
    return false;
  }
  return true;
}

void add_matches(const std::string& pattern, LeftOut& left_out, std::vector<InputFile>& files) {
  const std::size_t before = files.size();
  const bool is_listed = storage::is_remote(pattern) || pattern.find("**") != std::string::npos;
  if (is_listed) {
    for (const StoredFile& file :
         storage::is_remote(pattern) ? remote_matches(pattern) : listed_matches(pattern)) {
      if (!left_out.holds(file.path)) add_file(file, files);
    }
  } else {
    for (const fs::path& path : glob_matches(pattern)) {
      if (!left_out.holds(path)) add_path(path, left_out, files);
    }
  }
  if (files.size() == before) {
    user_error("corpus.inputs: {}: no such file, folder or match", pattern);
  }
}

}  // namespace

void describe(Fields& fields, Config& config) {
  fields.texts("inputs", config.inputs,
               "JSONL (plain, .gz, .zst), Parquet, .txt and .md files, folders of them, globs; "
               "on disk or s3://BUCKET/NAME");
  fields.text("text_column", config.text_column, "the field that holds the text");
  fields.text("id_column", config.id_column,
              "the field that names the document; where it is missing the name is file:row");
  fields.text("thinking_column", config.thinking_column,
              "the field that holds the thinking, where the documents bring it along; a recipe "
              "then has no [augment]");
  fields.flag("strict", config.strict, "stop at the first bad line or file");
  fields.number("max_bad_share", config.max_bad_share,
                "fail at the end where more than this share of lines and files was bad", 0, 1);
  fields.flag("check_ids", config.check_ids,
              "keep documents aside whose id came before; 16 bytes of memory a document");
  fields.integer("limit", config.limit, "read this many documents; 0: all", 0);
}

std::vector<InputFile> input_files(const Config& config) {
  if (config.inputs.empty()) user_error("corpus.inputs: nothing given");
  LeftOut left_out(config.left_out);
  std::vector<InputFile> files;
  for (const std::string& input : config.inputs) {
    if (!add_path(input, left_out, files)) add_matches(input, left_out, files);
  }
  if (files.empty())
    user_error("corpus.inputs: holds nothing but what the step itself has written");
  return files;
}

std::vector<fs::path> find_files(const Config& config) {
  std::vector<fs::path> paths;
  for (const InputFile& file : input_files(config)) paths.push_back(file.path);
  return paths;
}

}  // namespace tpt::corpus
