#include "train/state.h"

#include "base/error.h"
#include "model/safetensors.h"
#include "storage/atomic_file.h"
#include "storage/digests.h"
#include "train/whole_folder.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>

namespace tpt::train {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "state-";
constexpr std::int64_t kLayout = 3;

// The step in "state-<step>"; nothing for other names ("state-7.partial" too).
std::optional<std::int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return problem == std::errc() && stop == end ? std::optional(step) : std::nullopt;
}

void read_into(const fs::path& file, const model::NamedTensors& tensors) {
  const at::NoGradGuard no_gradients;
  std::map<std::string, at::Tensor> found;
  for (auto& [name, tensor] : model::read_safetensors(file)) {
    found.emplace(name, tensor);
  }
  for (const auto& [name, tensor] : tensors) {
    const auto at = found.find(name);
    if (at == found.end() || at->second.sizes() != tensor.sizes()) {
      data_error("{}: tensor {} is missing or of another shape", file.string(), name);
    }
    const at::Tensor place = tensor;
    place.copy_(at->second);
    found.erase(at);
  }
  if (!found.empty()) {
    data_error("{}: tensor {} is not part of this run", file.string(), found.begin()->first);
  }
}

void remove_old(const fs::path& folder, const Retention& retention) {
  constexpr std::int64_t kMultiples = 2;  // the step to go back from may be at the newest one
  std::int64_t multiples = 0, kept = 0;
  for (const fs::path& state : states_of(folder)) {
    const bool is_multiple = retention.every_steps > 0 && multiples < kMultiples &&
                             step_of_state(state) % retention.every_steps == 0;
    multiples += is_multiple ? 1 : 0;
    if (kept < std::max<std::int64_t>(retention.newest, 1) || is_multiple) {
      ++kept;
      continue;
    }
    fs::remove_all(state);
  }
  std::vector<fs::path> half_written;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(".partial")) {
      half_written.push_back(entry.path());
    }
  }
  for (const fs::path& path : half_written) {
    fs::remove_all(path);
  }
}

}  // namespace

std::vector<fs::path> states_of(const fs::path& folder) {
  std::vector<fs::path> states;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (step_of(entry.path())) {
        states.push_back(entry.path());
      }
    }
  }
  std::sort(states.begin(), states.end(),
            [](const fs::path& a, const fs::path& b) { return step_of(a) > step_of(b); });
  return states;
}

std::optional<fs::path> newest_state(const fs::path& folder) {
  const std::vector<fs::path> states = states_of(folder);
  return states.empty() ? std::nullopt : std::optional(states.front());
}

std::int64_t step_of_state(const fs::path& state_folder) {
  const auto step = step_of(state_folder);
  TPT_CHECK(step.has_value(), "{} is no state", state_folder.string());
  return *step;
}

RunState read_state(const fs::path& state_folder) {
  const std::string advice =
      fmt::format("; remove {} to go on from an older state", state_folder.string());
  const fs::path file = state_folder / "state.json";
  try {
    storage::check_digests(state_folder);
    const Json json = parse_json(storage::read_file(file), file.string());
    if (json.at("layout").get<std::int64_t>() != kLayout) {
      data_error("{}: layout {}, this program reads {}", file.string(), json.at("layout").dump(),
                 kLayout);
    }
    return state_from_json(json, state_folder.parent_path());
  } catch (const nlohmann::json::exception& problem) {
    data_error("{}: not a state of a training run ({}){}", file.string(), problem.what(), advice);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) {
      throw;
    }
    data_error("{}{}", error.what(), advice);
  }
}

void read_tensors(const fs::path& state_folder, const StateTensors& tensors) {
  read_into(state_folder / "model.safetensors", tensors.weights);
  read_into(state_folder / "optimizer.safetensors", tensors.optimizer);
}

void write_state(const fs::path& folder, const RunState& state, const model::Config& network,
                 const StateTensors& tensors, const Retention& retention) {
  const fs::path whole = folder / (std::string(kPrefix) + std::to_string(state.steps));
  write_whole_folder(whole, [&](const fs::path& partial) {
    model::write_safetensors(tensors.weights, partial / "model.safetensors");
    model::write_safetensors(tensors.optimizer, partial / "optimizer.safetensors");
    storage::write_file_atomically(partial / "config.json",
                                   model::to_hf_config(network, "float32"));
    Json json = to_json(state);
    json["layout"] = kLayout;
    storage::write_file_atomically(partial / "state.json", dump_json_pretty(json));
    storage::write_digests(partial);
  });
  remove_old(folder, retention);
}

}  // namespace tpt::train
