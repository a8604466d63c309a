#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"

#include <ATen/ATen.h>

#include <set>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;

// model.safetensors, or the files that model.safetensors.index.json names.
std::vector<fs::path> weight_files(const fs::path& folder) {
  if (const fs::path single = folder / "model.safetensors"; fs::exists(single)) return {single};
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index)) user_error("{}: no model.safetensors in it", folder.string());
  const Json json = parse_json(storage::read_file(index), index.string());
  std::set<std::string> names;
  try {
    for (const auto& [tensor, file] : json.at("weight_map").items()) {
      names.insert(file.get<std::string>());
    }
  } catch (const Json::exception& problem) {
    data_error("{}: {}", index.string(), problem.what());
  }
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    if (name.find('/') != std::string::npos) data_error("{}: names {}", index.string(), name);
    files.push_back(folder / name);
  }
  return files;
}

}  // namespace

Transformer load_transformer(const fs::path& folder) {
  const fs::path config_file = folder / "config.json";
  if (!fs::exists(config_file)) user_error("{}: no config.json in it", folder.string());
  const Config config = read_hf_config(config_file);
  NamedTensors weights;
  std::set<std::string> names;
  for (const fs::path& file : weight_files(folder)) {
    for (auto& [name, tensor] : read_safetensors(file)) {
      if (!names.insert(name).second) data_error("{}: tensor {} again", file.string(), name);
      weights.emplace_back(name, std::move(tensor));
    }
  }
  return {config, weights, folder.string()};
}

void save_transformer(const Transformer& network, const fs::path& folder) {
  fs::create_directories(folder);
  write_safetensors(network.parameters(), folder / "model.safetensors");
  storage::write_file_atomically(folder / "config.json", to_hf_config(network.config(), "float32"));
}

}  // namespace tpt::model
