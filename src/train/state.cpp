#include "train/state.h"

#include "base/error.h"
#include "storage/atomic_file.h"
#include "train/whole_folder.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cstring>
#include <string>
#include <string_view>

namespace tpt::train {
namespace {

constexpr std::string_view kPrefix = "state-";
constexpr std::int64_t kLayout = 1;

// The step in "state-<step>"; nothing for other names ("state-7.partial" too).
std::optional<std::int64_t> step_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) {
    return std::nullopt;
  }
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stop, problem] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return problem == std::errc() && stop == end ? std::optional(step) : std::nullopt;
}

Json to_json(const RunState& state) {
  Json checkpoints = Json::array();
  for (const Checkpoint& checkpoint : state.checkpoints) {
    checkpoints.push_back({{"budget", checkpoint.budget},
                           {"tokens", checkpoint.tokens},
                           {"folder", checkpoint.folder.filename().string()}});
  }
  return {{"layout", kLayout},
          {"recipe", state.recipe},
          {"steps", state.steps},
          {"optimizer_steps", state.optimizer_steps},
          {"tokens", state.tokens},
          {"epoch", state.place.epoch},
          {"row", state.place.row},
          {"seconds", state.seconds},
          {"flops", state.flops},
          {"last_loss", state.last_loss},
          {"skipped_in_a_row", state.skipped_in_a_row},
          {"tally", to_json(state.tally)},
          {"metrics_bytes", state.metrics_bytes},
          {"checkpoints", checkpoints},
          {"finished", state.finished}};
}

RunState from_json(const Json& json, const std::filesystem::path& folder) {
  RunState state;
  state.recipe = json.at("recipe");
  state.steps = json.at("steps").get<std::int64_t>();
  state.optimizer_steps = json.at("optimizer_steps").get<std::int64_t>();
  state.tokens = json.at("tokens").get<std::int64_t>();
  state.place = {json.at("epoch").get<std::int64_t>(), json.at("row").get<std::int64_t>()};
  state.seconds = json.at("seconds").get<double>();
  state.flops = json.at("flops").get<double>();
  state.last_loss = json.at("last_loss").get<double>();
  state.skipped_in_a_row = json.at("skipped_in_a_row").get<std::int64_t>();
  state.tally = tally_from_json(json.at("tally"));
  state.metrics_bytes = json.at("metrics_bytes").get<std::int64_t>();
  for (const Json& checkpoint : json.at("checkpoints")) {
    state.checkpoints.push_back({checkpoint.at("budget").get<std::int64_t>(),
                                 checkpoint.at("tokens").get<std::int64_t>(),
                                 folder / checkpoint.at("folder").get<std::string>()});
  }
  state.finished = json.at("finished").get<bool>();
  return state;
}

std::string_view bytes_of(const at::Tensor& tensor) {
  TPT_CHECK(tensor.is_contiguous() && tensor.is_cpu() && tensor.scalar_type() == at::kFloat);
  return {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()};
}

void remove_others(const std::filesystem::path& folder, const std::filesystem::path& kept) {
  std::vector<std::filesystem::path> old;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && entry.path().filename() != kept.filename()) {
      old.push_back(entry.path());
    }
  }
  for (const std::filesystem::path& path : old) {
    std::filesystem::remove_all(path);
  }
}

}  // namespace

std::optional<std::filesystem::path> newest_state(const std::filesystem::path& folder) {
  std::optional<std::filesystem::path> newest;
  std::int64_t newest_step = -1;
  if (!std::filesystem::is_directory(folder)) {
    return newest;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::optional<std::int64_t> step = step_of(entry.path());
    if (step && *step > newest_step) {
      newest_step = *step;
      newest = entry.path();
    }
  }
  return newest;
}

RunState read_state(const std::filesystem::path& state_folder) {
  const std::filesystem::path file = state_folder / "state.json";
  const Json json = parse_json(storage::read_file(file), file.string());
  try {
    if (json.at("layout").get<std::int64_t>() != kLayout) {
      data_error("{}: layout {}, this program reads {}", file.string(), json.at("layout").dump(),
                 kLayout);
    }
    return from_json(json, state_folder.parent_path());
  } catch (const nlohmann::json::exception& problem) {
    data_error("{}: not a state of a training run ({}); remove {} to go on from an older one",
               file.string(), problem.what(), state_folder.string());
  }
}

void restore_optimizer(const std::filesystem::path& state_folder, const RunState& state,
                       AdamW& optimizer) {
  const std::filesystem::path file = state_folder / "tensors.f32";
  const std::string bytes = storage::read_file(file);
  const std::size_t part = optimizer.weights().nbytes();
  if (bytes.size() != 3 * part) {
    data_error("{}: {} bytes, expected {}; remove {} to go on from an older state", file.string(),
               bytes.size(), 3 * part, state_folder.string());
  }
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < 3; ++i) {
    parts.push_back(at::empty_like(optimizer.weights(), at::device(at::kCPU)));
    std::memcpy(parts.back().mutable_data_ptr(), bytes.data() + i * part, part);
  }
  optimizer.restore(parts[0], parts[1], parts[2], state.optimizer_steps);
}

void write_state(const std::filesystem::path& folder, const RunState& state,
                 const AdamW& optimizer) {
  const std::filesystem::path whole = folder / (std::string(kPrefix) + std::to_string(state.steps));
  write_whole_folder(whole, [&](const std::filesystem::path& partial) {
    storage::AtomicFile tensors(partial / "tensors.f32");
    for (const at::Tensor& part :
         {optimizer.weights(), optimizer.moments1(), optimizer.moments2()}) {
      tensors.write(bytes_of(part.cpu()));
    }
    tensors.commit();
    storage::write_file_atomically(partial / "state.json", dump_json_pretty(to_json(state)));
  });
  remove_others(folder, whole);
}

}  // namespace tpt::train
