#include "train/replay.h"

#include "base/error.h"
#include "base/log.h"
#include "storage/atomic_file.h"
#include "train/device_choice.h"
#include "train/learner.h"
#include "train/spike_record.h"
#include "train/thread_scope.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;

Config config_of(const RunState& state) {
  Config config;
  Fields fields("train");
  describe(fields, config);
  fields.apply(state.recipe.at("train"));
  // Only a run that goes back has this in its recipe.
  if (state.recipe.at("train").contains("state_every_steps")) {
    config.on_spike = OnSpike::rollback;
  }
  return config;
}

Json largest_gradients(const model::Transformer& network) {
  constexpr std::size_t kShown = 5;
  std::vector<std::pair<double, std::string>> norms;
  for (const auto& [name, parameter] : network.parameters()) {
    const double norm = at::linalg_vector_norm(parameter.grad(), 2).item<double>();
    norms.emplace_back(std::isfinite(norm) ? norm : std::numeric_limits<double>::infinity(), name);
  }
  std::sort(norms.begin(), norms.end(), std::greater<>());
  Json shown = Json::array();
  for (std::size_t i = 0; i < std::min(kShown, norms.size()); ++i) {
    shown.push_back({{"parameter", norms[i].second}, {"norm", fmt::format("{}", norms[i].first)}});
  }
  return shown;
}

std::optional<DoneStep> recorded_step(const fs::path& folder, std::int64_t step) {
  const fs::path file = folder / "spikes" / ("step-" + std::to_string(step)) / "step.json";
  if (!fs::exists(file)) {
    return std::nullopt;
  }
  return step_from_json(parse_json(storage::read_file(file), file.string()));
}

}  // namespace

bool same_outcome(const DoneStep& one, const DoneStep& other) {
  const auto same = [](double a, double b) {
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  };
  return one.number == other.number && one.place == other.place && one.rows == other.rows &&
         same(one.learning_rate, other.learning_rate) && same(one.loss, other.loss) &&
         same(one.gradient_norm, other.gradient_norm) && one.skipped == other.skipped;
}

Replay replay_step(const fs::path& folder, const fs::path& shards, std::int64_t step,
                   Ranks& ranks) {
  const fs::path from = state_before(folder, step);
  const RunState saved = read_state(from);
  const ThreadScope threads(saved.threads);
  Config config = config_of(saved);
  prepare(device_of(config), config.deterministic);
  config.shard_optimizer = saved.is_sharded;
  if (saved.processes != ranks.size()) {
    log_warning(
        "replay: the run had {} processes, this has {}: sums in another order, so that the last "
        "bits may differ",
        saved.processes, ranks.size());
  }
  const pack::ShardReader reader(shards);
  Learner learner(config, model::load_transformer(from), reader, ranks);
  learner.restore(from);
  while (learner.state().steps < step) {
    if (learner.at_end()) {
      user_error("{}: the run ends at step {}, before step {}", folder.string(),
                 learner.state().steps, step);
    }
    learner.step();
    learner.take_done(1);
  }
  const std::optional<DoneStep> done = learner.last_open();
  if (!done || done->number != step) {
    user_error("step {}: its batch holds no target, so that nothing was done", step);
  }
  return {.step = *done,
          .from_step = saved.steps,
          .recorded = recorded_step(folder, step),
          .batch = describe_rows(*done, learner.rows(), reader),
          .gradients = largest_gradients(learner.network())};
}

}  // namespace tpt::train
