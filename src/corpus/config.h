// Which files are the corpus, and which of their fields is what.
#pragma once

#include "base/config.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace tpt::corpus {

// What a step writes into a folder: names of files and folders in it, as patterns.
struct Written {
  std::filesystem::path folder;
  std::vector<std::string> names;
};

struct Config {
  std::vector<std::string> inputs;  // files, folders, globs; s3:// too
  std::string text_column = "text";
  std::string id_column = "id";
  std::string thinking_column;  // "": the documents bring none along
  bool strict = false;
  double max_bad_share = 0.01;
  bool check_ids = true;
  std::int64_t limit = 0;
  // Not an option: where a folder or glob finds this, it is no document.
  std::vector<Written> left_out;
};

void describe(Fields& fields, Config& config);

// How a file is read; told by its name, a final .gz or .zst aside.
enum class FileKind {
  lines,    // .jsonl, .ndjson: one JSON object a line
  parquet,  // .parquet
  text      // .txt, .md: one document
};

struct InputFile {
  std::filesystem::path path;
  FileKind kind = FileKind::lines;
  std::int64_t bytes = 0;  // as it lies there, compressed or not
};

// The files of the corpus in reading order: inputs as given, folders and globs ("**" goes down
// folders) in the order of names. Files of other kinds inside folders are left out. Error(user) for
// an input that names nothing, for a file of a kind that cannot be read, and for a folder that is
// to be left out.
std::vector<InputFile> input_files(const Config& config);
std::vector<std::filesystem::path> find_files(const Config& config);

}  // namespace tpt::corpus
