// The benchmarks that `filter.decontaminate` names, read from whatever form they come in.
#pragma once

#include "filter/filter.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tpt::app {

struct BenchmarkQuestion {
  std::string benchmark;  // "gsm8k/test": folder and file without their endings
  std::string item;       // the id in the file, else the number of the line or row
  std::string question;
};

// Files, folders and globs as paths of files, in order. Error(user) for one that names nothing.
std::vector<std::filesystem::path> benchmark_files(const std::vector<std::string>& given);

// Every question of a file: .jsonl, .json (an array), .csv with or without a header, each .gz or
// .zst too, and .parquet. The question stands in the first of the columns question, problem,
// prompt, query, instruction, input, text that there is; in a CSV without a header in the first
// column. Error(user) for a file of another kind or without such a column, Error(data) with
// file:line for a damaged one.
void read_benchmark(const std::filesystem::path& file,
                    const std::function<void(BenchmarkQuestion)>& visit);

// What the filter needs beside its options: the built-in prompts and those of `prompt_files`, and
// the benchmarks.
filter::Materials filter_materials(const filter::Config& config,
                                   const std::vector<std::string>& prompt_files = {});

// The files behind these, for the record of a step: benchmarks, and prompts that are not built in.
std::vector<std::filesystem::path> filter_files(const filter::Config& config);

}  // namespace tpt::app
