#include "train/run_comparison.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "storage/atomic_file.h"
#include "train/batches.h"
#include "train/state.h"

#include <sstream>
#include <utility>
#include <vector>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;

std::vector<Json> lines_without_time(const fs::path& folder) {
  const fs::path file = folder / "metrics.jsonl";
  std::istringstream text(storage::read_file(file));
  std::vector<Json> lines;
  for (std::string line; std::getline(text, line);) {
    Json json = parse_json(line, file.string());
    for (const char* of_time :
         {"tokens_per_second", "flops_per_second", "gemm_share", "mfu", "seconds"}) {
      json.erase(of_time);
    }
    lines.push_back(std::move(json));
  }
  return lines;
}

fs::path last_state(const fs::path& folder) {
  const auto state = newest_state(folder);
  if (!state) {
    user_error("{}: holds no state of a run", folder.string());
  }
  return *state;
}

// The rows of the next steps behind a state, in order.
std::vector<std::vector<Row>> next_rows(const fs::path& state_folder,
                                        const pack::ShardReader& shards, std::int64_t steps) {
  const RunState state = read_state(state_folder);
  Config config;
  Fields fields("train");
  describe(fields, config);
  fields.apply(state.recipe.at("train"));
  config.epochs = 0;  // on behind the end of the run
  RowStream rows(shards, config, state.place);
  std::vector<std::vector<Row>> next;
  for (std::int64_t i = 0; i < steps; ++i) {
    next.push_back(rows.next_step());
  }
  return next;
}

bool same_file(const fs::path& one, const fs::path& other, const char* name) {
  return sha256_of_file(one / name) == sha256_of_file(other / name);
}

}  // namespace

RunComparison compare_runs(const fs::path& one, const fs::path& other, const fs::path& shards) {
  constexpr std::int64_t kNextBatches = 3;
  RunComparison comparison;
  const std::vector<Json> first = lines_without_time(one);
  const std::vector<Json> second = lines_without_time(other);
  comparison.lines = static_cast<std::int64_t>(first.size());
  comparison.same_losses = !first.empty() && first == second;
  for (std::size_t i = 0; i < first.size() && comparison.first_difference.empty(); ++i) {
    if (i >= second.size() || first[i] != second[i]) {
      comparison.first_difference =
          fmt::format("line {}: {} and {}", i + 1, dump_json(first[i]),
                      i < second.size() ? dump_json(second[i]) : "nothing");
    }
  }
  const fs::path state = last_state(one);
  const fs::path other_state = last_state(other);
  const pack::ShardReader reader(shards);
  const auto rows = next_rows(state, reader, kNextBatches);
  comparison.next_batches = kNextBatches;
  comparison.same_next_batches = rows == next_rows(other_state, reader, kNextBatches);
  comparison.same_weights = same_file(state, other_state, "model.safetensors");
  comparison.same_optimizer = same_file(state, other_state, "optimizer.safetensors");
  if (comparison.first_difference.empty() && !comparison.same()) {
    comparison.first_difference = !comparison.same_weights     ? "weights of the last state"
                                  : !comparison.same_optimizer ? "optimizer of the last state"
                                                               : "next batches";
  }
  return comparison;
}

}  // namespace tpt::train
