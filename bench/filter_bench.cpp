// What judging a row costs: CPU microseconds, on one core, with everything on but decontamination.
// One line of JSON.
//
//   tpt_filter_bench ROWS.jsonl [ROUNDS] [PROMPT ...]
//
// ROWS has "document", "thinking" and perhaps "finish". Of ROUNDS passes the fastest counts; 0
// prints each row's verdict instead, to hold two builds against each other.
#include "base/error.h"
#include "base/json.h"
#include "filter/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tpt::filter {
namespace {

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<AugmentedDocument> read_rows(const std::string& path) {
  std::ifstream file(path);
  if (!file) user_error("{} cannot be read", path);
  std::vector<AugmentedDocument> rows;
  for (std::string line; std::getline(file, line);) {
    const Json json = parse_json(line, path);
    AugmentedDocument& row = rows.emplace_back();
    row.document.text = json.at("document").get<std::string>();
    row.trajectory.text = json.at("thinking").get<std::string>();
    row.trajectory.finish = finish_from_name(json.value("finish", "stop"));
    row.trajectory.thinking_tokens = static_cast<std::int64_t>(row.trajectory.text.size() / 4 + 1);
  }
  return rows;
}

void print_verdicts(const Filter& filter, const std::vector<AugmentedDocument>& rows) {
  for (const AugmentedDocument& row : rows) {
    const Verdict verdict = filter.judge(row);
    fmt::print("{}\n", dump_json({{"reason", verdict.reason}, {"detail", verdict.detail}}));
  }
}

void measure(const Filter& filter, const std::vector<AugmentedDocument>& rows, int rounds) {
  std::size_t bytes = 0;
  for (const AugmentedDocument& row : rows) {
    bytes += row.document.text.size() + row.trajectory.text.size();
  }
  double best = 1e9;
  std::int64_t kept = 0;
  for (int round = 0; round < rounds; ++round) {
    kept = 0;
    const double start = cpu_seconds();
    for (const AugmentedDocument& row : rows) kept += filter.judge(row).keep ? 1 : 0;
    best = std::min(best, cpu_seconds() - start);
  }
  const auto count = static_cast<double>(rows.size());
  fmt::print("{}\n", dump_json({{"rows", rows.size()},
                                {"kept", kept},
                                {"bytes_per_row", static_cast<double>(bytes) / count},
                                {"cpu_microseconds_per_row", 1e6 * best / count}}));
}

int main_of(int count, char** arguments) {
  if (count < 2) user_error("tpt_filter_bench ROWS.jsonl [ROUNDS] [PROMPT ...]");
  Materials materials;
  for (int i = 3; i < count; ++i) {
    std::ifstream file(arguments[i]);
    materials.prompts.emplace_back(std::istreambuf_iterator<char>(file),
                                   std::istreambuf_iterator<char>());
  }
  const Filter filter({}, std::move(materials));
  const std::vector<AugmentedDocument> rows = read_rows(arguments[1]);
  if (rows.empty()) user_error("{} holds no rows", arguments[1]);
  const int rounds = count > 2 ? std::atoi(arguments[2]) : 5;
  rounds > 0 ? measure(filter, rows, rounds) : print_verdicts(filter, rows);
  return 0;
}

}  // namespace
}  // namespace tpt::filter

int main(int count, char** arguments) {
  try {
    return tpt::filter::main_of(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
