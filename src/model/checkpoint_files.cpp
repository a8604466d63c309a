// Reads the weights of a model's folder.
#include "base/error.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/transformer.h"
#include "storage/atomic_file.h"
#include "storage/digests.h"

#include <ATen/ATen.h>

#include <map>
#include <set>

namespace tpt::model {
namespace {

namespace fs = std::filesystem;

// The file of each tensor, as model.safetensors.index.json has it.
using WeightMap = std::map<std::string, std::string>;

WeightMap read_index(const fs::path& index) {
  const Json json = parse_json(storage::read_file(index), index.string());
  WeightMap files;
  try {
    files = json.at("weight_map").get<WeightMap>();
  } catch (const Json::exception& problem) {
    data_error("{}: {}", index.string(), problem.what());
  }
  for (const auto& [tensor, file] : files) {
    const bool plain =
        !file.empty() && file.find('/') == file.npos && file.ends_with(".safetensors");
    if (!plain) data_error("{}: names {} as the file of {}", index.string(), file, tensor);
  }
  return files;
}

NamedTensors read_parts(const fs::path& folder, const fs::path& index) {
  const WeightMap weight_map = read_index(index);
  std::set<std::string> files;
  for (const auto& [tensor, file] : weight_map) files.insert(file);
  NamedTensors weights;
  std::set<std::string> seen;
  for (const std::string& file : files) {
    if (!fs::exists(folder / file)) {
      user_error("{}: {} is missing, which {} names", folder.string(), file,
                 index.filename().string());
    }
    for (auto& [name, tensor] : read_safetensors(folder / file)) {
      const auto mapped = weight_map.find(name);
      if (mapped == weight_map.end() || mapped->second != file) {
        data_error("{}: tensor {} stands in {}, where {} does not put it", folder.string(), name,
                   file, index.filename().string());
      }
      seen.insert(name);
      weights.emplace_back(name, std::move(tensor));
    }
  }
  for (const auto& [tensor, file] : weight_map) {
    if (seen.count(tensor) == 0) {
      data_error("{}: tensor {} is missing in {}", folder.string(), tensor, file);
    }
  }
  return weights;
}

}  // namespace

Transformer load_transformer(const fs::path& folder) {
  const fs::path config_file = folder / "config.json";
  if (!fs::exists(config_file)) user_error("{}: no config.json in it", folder.string());
  // A checkpoint of this program's: a flipped bit in its weights would load as any other number.
  if (storage::has_digests(folder)) {
    storage::check_digests(folder, storage::Unlisted::no_weights);
  }
  const Config config = read_hf_config(config_file);
  const fs::path single = folder / "model.safetensors";
  const fs::path index = folder / "model.safetensors.index.json";
  if (fs::exists(single)) return {config, read_safetensors(single), folder.string()};
  if (fs::exists(index)) return {config, read_parts(folder, index), folder.string()};
  user_error("{}: no model.safetensors in it", folder.string());
}

}  // namespace tpt::model
